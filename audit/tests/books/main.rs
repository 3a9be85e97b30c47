//! The audit of real tables.

mod damage;
mod program;
mod shop;
