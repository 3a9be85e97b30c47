//! An AWS call, its answer, and the interface of a service.

use axum::http::HeaderMap;
use axum::response::Response;
use bytes::Bytes;
use futures_util::future::BoxFuture;

use crate::caller::Caller;
use crate::meter::{Consumption, Permission};

/// A call of one of the services.
#[derive(Debug)]
pub(crate) struct Call {
    /// Such as `TransactWriteItems`.
    pub(crate) operation: String,
    pub(crate) caller: Caller,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// A service's answer, and its consumption for the meter.
#[derive(Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) response: Response,
    pub(crate) consumption: Consumption,
    /// The permissions that the call needs.
    pub(crate) permissions: Vec<Permission<'a>>,
}

/// An AWS service that the emulator has.
pub(crate) trait Service: std::fmt::Debug + Send + Sync {
    /// Its prefix in the actions of IAM policies, such as `sqs`.
    fn prefix(&self) -> &'static str;

    /// The header `X-Amz-Target` begins with one of these, a dot and the operation follow.
    fn targets(&self) -> &'static [&'static str];

    fn answer<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Answer<'a>>;

    /// Restores the data of an earlier run. The template's resources exist by then.
    fn restore(&self) -> BoxFuture<'_, anyhow::Result<()>>;

    /// Waits until its data is on disk.
    fn shut_down(&self) -> BoxFuture<'_, ()>;
}
