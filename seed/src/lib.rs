//! The shop's first products, and how they get onto its shelves.

mod catalogue;
mod load;
mod tables;

pub use catalogue::{Catalogue, Offer};
pub use load::{Loaded, load};
pub use tables::{Tables, find_tables};
