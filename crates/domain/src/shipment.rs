//! How an order reaches its shopper.

use jiff::Timestamp;

use crate::limits::{MAX_CARRIER_CHARS, MAX_TRACKING_NUMBER_CHARS};
use crate::text::short_text;

/// A parcel on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shipment {
    /// Who carries it.
    pub carrier: Carrier,
    /// The carrier's number for it.
    pub tracking_number: TrackingNumber,
    /// When it was handed over.
    pub shipped_at: Timestamp,
}

short_text!(
    /// The name of a company that carries parcels.
    Carrier,
    CarrierError,
    MAX_CARRIER_CHARS
);
short_text!(
    /// A carrier's number for a parcel.
    TrackingNumber,
    TrackingNumberError,
    MAX_TRACKING_NUMBER_CHARS
);
