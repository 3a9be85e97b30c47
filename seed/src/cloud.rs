//! The cloud that products are loaded into: AWS, or an endpoint that plays it.

use std::env;
use std::error::Error;
use std::fmt;

use anyhow::{Result, anyhow, bail};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::error::SdkError;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

/// The region that a local cloud is asked in when none is set: the one such clouds start with.
const LOCAL_REGION: &str = "us-east-1";

/// Which cloud is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    /// AWS itself.
    Aws,
    /// A local cloud, or whatever else answers at this URL.
    Endpoint(String),
}

/// A cloud, ready to be asked.
pub(crate) struct Cloud {
    pub(crate) place: Place,
    pub(crate) client: Client,
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

impl Cloud {
    pub(crate) async fn at(place: Place) -> Result<Cloud> {
        let config = configuration(&place).await;
        if config.region().is_none() {
            bail!("no region is set: set AWS_REGION, or AWS_PROFILE to a profile that has one");
        }
        let client = Client::new(&config);
        Ok(Cloud { place, client })
    }

    pub(crate) async fn table_names(&self) -> Result<Vec<String>> {
        let pages = self.client.list_tables().into_paginator().items().send();
        let names = pages.collect::<Result<Vec<_>, _>>().await;
        names.map_err(|error| self.explain(error))
    }

    pub(crate) async fn check_table(&self, name: &str) -> Result<()> {
        let answer = self.client.describe_table().table_name(name).send().await;
        let Err(error) = answer else { return Ok(()) };
        match error.as_service_error() {
            Some(service) if service.is_resource_not_found_exception() => {
                bail!("there is no table {name} at {}", self.place)
            }
            _ => Err(self.explain(error)),
        }
    }

    /// What a user can do about a call that failed.
    fn explain<E, R>(&self, error: SdkError<E, R>) -> anyhow::Error
    where
        E: Error + Send + Sync + 'static,
        R: fmt::Debug + Send + Sync + 'static,
    {
        let unreachable = match &error {
            SdkError::TimeoutError(_) => true,
            SdkError::DispatchFailure(failure) => failure.is_io() || failure.is_timeout(),
            _ => false,
        };
        match &self.place {
            Place::Endpoint(url) if unreachable => {
                anyhow!("nothing answers at {url}: is the shop running? `cargo local` starts one")
            }
            place => anyhow::Error::new(error).context(format!("cannot use DynamoDB at {place}")),
        }
    }
}

/// On AWS everything is as the AWS CLI has it: profiles, single sign-on, roles. A local cloud takes
/// any credentials, so there nobody needs to have some.
async fn configuration(place: &Place) -> SdkConfig {
    let http_client = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http_client);
    match place {
        Place::Aws => loader.load().await,
        Place::Endpoint(url) => {
            let loader = loader.endpoint_url(url).region(local_region());
            match local_credentials() {
                Some(credentials) => loader.credentials_provider(credentials).load().await,
                None => loader.load().await,
            }
        }
    }
}

fn local_region() -> Region {
    let region = env::var("AWS_REGION").or_else(|_| env::var("AWS_DEFAULT_REGION"));
    Region::new(region.unwrap_or_else(|_| LOCAL_REGION.to_owned()))
}

/// Made-up credentials, unless the user has set some: clouds that keep several accounts apart tell
/// them by these.
fn local_credentials() -> Option<Credentials> {
    let set = env::var_os("AWS_ACCESS_KEY_ID").is_some() || env::var_os("AWS_PROFILE").is_some();
    (!set).then(|| Credentials::new("local", "local", None, None, "local"))
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
