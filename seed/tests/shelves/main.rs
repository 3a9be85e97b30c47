//! Loads products into real tables.

mod loading;
mod program;
mod shop;
