//! The shop's promises, tested over HTTP. Every test starts its own shop.

mod access;
mod bad_input;
mod contention;
mod crash;
mod crash_moments;
mod idempotency;
mod openapi;
mod rush;
mod shopping;
mod telemetry;
