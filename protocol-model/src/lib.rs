//! Explores every interleaving of the checkout protocol and looks for a promise that it breaks.
//!
//! The protocol is "commit the decision, then enter the orders": docs/architecture.md. This crate holds a small model of
//! it, with one product, a few checkouts and everything that goes wrong around them, and a search that visits every
//! state which the model can reach.
//!
//! - [`Configuration`] says how large the shop is, and what goes wrong in it.
//! - [`Mutation`] takes one rule out of the protocol. The search must find what that breaks, or it proves nothing.
//! - [`Property`] is one promise of the protocol.
//! - [`check`] is the search. A [`Violation`] prints the shortest way to it.
//!
//! The model shares no code with the shop: both are written from the same protocol, and a mistake in one is not in the other.

mod closing;
mod configuration;
mod consumer;
mod explorer;
mod ids;
mod properties;
mod protocol;
mod state;
mod step;
mod world;

pub use configuration::{Configuration, Mutation};
pub use explorer::{Exploration, Violation};
pub use properties::Property;

/// Visits every state of a shop, or stops at the first promise that it breaks.
pub fn check(shop: Configuration) -> Exploration<Property> {
    explorer::explore(&protocol::Protocol::new(shop))
}
