//! The variables by which Lambda tells a function its tables, queues and settings.

use std::env;
use std::str::FromStr;

use jiff::SignedDuration;

/// An environment variable that must be set is not, or holds no usable value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the environment variable {0} is not set, or not to a usable value")]
pub struct MissingVariable(pub &'static str);

/// A variable that must be set and not empty.
///
/// # Errors
/// When it is missing, names it.
pub fn from_env(name: &'static str) -> Result<String, MissingVariable> {
    env::var(name)
        .ok()
        .filter(|value| !value.is_empty())
        .ok_or(MissingVariable(name))
}

/// A variable that holds a whole number.
///
/// # Errors
/// When it is missing or no such number, names it.
pub(crate) fn number_from_env<N: FromStr>(name: &'static str) -> Result<N, MissingVariable> {
    from_env(name)?.parse().map_err(|_| MissingVariable(name))
}

/// How long an accepted order may wait for its payment: `PAYMENT_WINDOW_SECONDS`.
///
/// # Errors
/// When the variable is missing or no whole number of seconds.
pub fn payment_window_from_env() -> Result<SignedDuration, MissingVariable> {
    let seconds: u32 = number_from_env("PAYMENT_WINDOW_SECONDS")?;
    Ok(SignedDuration::from_secs(seconds.into()))
}
