//! Payment providers: the trait that the shop calls, and a simulator that takes test cards only.

mod card;
mod provider;
mod simulator;

pub use card::{CardNumber, CardNumberError};
pub use provider::{CaptureError, Decline, PaymentError, PaymentProvider, ProviderError};
pub use simulator::Simulator;
