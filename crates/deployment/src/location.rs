//! Where the AWS services of a shop are.

use std::env;
use std::fmt;

use anyhow::{Result, bail};

/// Where the AWS services of a shop are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    Aws,
    /// The URL of the emulator, LocalStack, MiniStack or another endpoint that answers like AWS.
    Endpoint(String),
}

impl Location {
    /// The location that the user named. It is AWS only if the user said so: never by default.
    pub(crate) fn choose(endpoint: Option<&str>, aws: bool) -> Result<Location> {
        let from_env = env::var("AWS_ENDPOINT_URL_DYNAMODB")
            .or_else(|_| env::var("AWS_ENDPOINT_URL"))
            .ok();
        Self::of(endpoint, from_env.filter(|url| !url.is_empty()), aws)
    }

    fn of(endpoint: Option<&str>, from_env: Option<String>, aws: bool) -> Result<Location> {
        match (endpoint, from_env, aws) {
            (Some(_), _, true) => bail!("--endpoint and --aws name two places: leave one out"),
            (None, Some(url), true) => bail!(
                "--aws means AWS, but AWS_ENDPOINT_URL says {url}: unset it or leave --aws out"
            ),
            (Some(url), _, false) => Ok(Location::Endpoint(url.to_owned())),
            (None, Some(url), false) => Ok(Location::Endpoint(url)),
            (None, None, true) => Ok(Location::Aws),
            (None, None, false) => bail!(
                "which shop? --endpoint http://127.0.0.1:4566 means the one that `cargo local` \
                 runs, --aws the one in your AWS account"
            ),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Location::Aws => f.write_str("AWS"),
            Location::Endpoint(url) => f.write_str(url),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aws_is_only_chosen_explicitly() {
        let url = "http://127.0.0.1:4566";
        let endpoint = Location::Endpoint(url.to_owned());
        let from_env = || Some("http://127.0.0.1:9".to_owned());
        assert_eq!(
            Location::of(Some(url), from_env(), false).unwrap(),
            endpoint
        );
        assert_eq!(
            Location::of(None, Some(url.to_owned()), false).unwrap(),
            endpoint
        );
        assert_eq!(Location::of(None, None, true).unwrap(), Location::Aws);
        assert!(Location::of(None, None, false).is_err());
        assert!(Location::of(None, from_env(), true).is_err());
        assert!(Location::of(Some(url), None, true).is_err());
    }
}
