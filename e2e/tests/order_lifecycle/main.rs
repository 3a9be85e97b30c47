//! The lifecycle of orders and the merchants' routes, over HTTP. Every test starts its own shop.

mod bad_input;
mod direct;
mod expiry;
mod life;
mod merchants;
mod model;

use serde_json::{Value, json};

/// The test cards of the simulated payment provider.
const GOOD_CARD: &str = "4242 4242 4242 4242";
const DECLINED_CARD: &str = "4000 0000 0000 0002";
const EMPTY_CARD: &str = "4000 0000 0000 9995";
const SILENT_CARD: &str = "4000 0000 0000 0119";

fn card(number: &str) -> Value {
    json!({ "card_number": number })
}

fn parcel(tracking_number: &str) -> Value {
    json!({ "carrier": "Pigeon Post", "tracking_number": tracking_number })
}
