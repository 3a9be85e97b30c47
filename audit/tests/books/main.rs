//! The audit against real tables: honest books balance, and each kind of damage is seen.

mod damage;
mod program;
mod shop;
