//! What the shop promises, asked over HTTP. Every test has a shop of its own.

mod access;
mod bad_input;
mod contention;
mod crash;
mod idempotency;
mod openapi;
mod rush;
mod shopping;
mod telemetry;
