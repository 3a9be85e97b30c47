//! Which cloud is meant.

use std::env;
use std::fmt;

use anyhow::{Result, bail};

/// Where the cloud is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// AWS itself.
    Aws,
    /// A local cloud, or whatever else answers at this URL.
    Endpoint(String),
}

impl Place {
    /// The place that the user named. AWS is only ever meant when it is said so.
    pub(crate) fn choose(endpoint: Option<&str>, aws: bool) -> Result<Place> {
        let from_env = env::var("AWS_ENDPOINT_URL_DYNAMODB")
            .or_else(|_| env::var("AWS_ENDPOINT_URL"))
            .ok();
        Self::of(endpoint, from_env.filter(|url| !url.is_empty()), aws)
    }

    fn of(endpoint: Option<&str>, from_env: Option<String>, aws: bool) -> Result<Place> {
        match (endpoint, from_env, aws) {
            (Some(_), _, true) => bail!("--endpoint and --aws name two places: leave one out"),
            (None, Some(url), true) => bail!(
                "--aws means AWS, but AWS_ENDPOINT_URL says {url}: unset it or leave --aws out"
            ),
            (Some(url), _, false) => Ok(Place::Endpoint(url.to_owned())),
            (None, Some(url), false) => Ok(Place::Endpoint(url)),
            (None, None, true) => Ok(Place::Aws),
            (None, None, false) => bail!(
                "which shop? --endpoint http://127.0.0.1:4566 means the one that `cargo local` \
                 runs, --aws the one in your AWS account"
            ),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Aws => f.write_str("AWS"),
            Place::Endpoint(url) => f.write_str(url),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aws_is_only_meant_when_it_is_said() {
        let url = "http://127.0.0.1:4566";
        let endpoint = Place::Endpoint(url.to_owned());
        let from_env = || Some("http://127.0.0.1:9".to_owned());
        assert_eq!(Place::of(Some(url), from_env(), false).unwrap(), endpoint);
        assert_eq!(
            Place::of(None, Some(url.to_owned()), false).unwrap(),
            endpoint
        );
        assert_eq!(Place::of(None, None, true).unwrap(), Place::Aws);
        assert!(Place::of(None, None, false).is_err());
        assert!(Place::of(None, from_env(), true).is_err());
        assert!(Place::of(Some(url), None, true).is_err());
    }
}
