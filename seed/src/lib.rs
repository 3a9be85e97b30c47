//! The shop's first products, and how they get onto its shelves.

mod catalogue;
mod load;

pub use catalogue::{Catalogue, Offer};
pub use load::{Loaded, Shelves, load};
