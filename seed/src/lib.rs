//! The shop's first products, and loading them into a shop.

mod catalogue;
mod load;

pub use catalogue::{Catalogue, Offer};
pub use load::{Loaded, Shelves, load};
