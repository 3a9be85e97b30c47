//! A deployed shop: where its AWS services are, and the names of its tables and queues there.
//!
//! Programs that people start themselves use this (seed, audit, load test, benchmark). Functions do not: they get
//! the names in environment variables.

mod location;
mod names;

use std::env;
use std::fmt;

use anyhow::{Context, Result, anyhow, bail};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

pub use location::Location;

/// The region for a local endpoint when the user has set none: the default of LocalStack and of the emulator.
const LOCAL_REGION: &str = "us-east-1";

/// The command-line arguments that choose a deployment.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct DeploymentArguments {
    /// The endpoint of the AWS services to work on, such as http://127.0.0.1:4566 [default: AWS_ENDPOINT_URL]
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,
    /// Work on AWS itself, with the profile and region that the AWS CLI would use
    #[arg(long)]
    pub aws: bool,
    /// The stack whose tables and queues are meant, when there are several
    #[arg(long, value_name = "NAME")]
    pub stack: Option<String>,
}

/// A deployed shop, with clients for its DynamoDB and SQS.
#[derive(Debug, Clone)]
pub struct Deployment {
    location: Location,
    stack: Option<String>,
    dynamodb: aws_sdk_dynamodb::Client,
    sqs: aws_sdk_sqs::Client,
}

impl Deployment {
    /// Chooses the deployment that the arguments name, or else the environment.
    ///
    /// # Errors
    /// When neither names one, when both name different ones, or when no region is set for AWS.
    pub async fn connect(arguments: &DeploymentArguments) -> Result<Deployment> {
        let location = Location::choose(arguments.endpoint.as_deref(), arguments.aws)?;
        let config = configuration(&location).await;
        if config.region().is_none() {
            bail!("no region is set: set AWS_REGION, or AWS_PROFILE to a profile that has one");
        }
        Ok(Deployment {
            location,
            stack: arguments.stack.clone(),
            dynamodb: aws_sdk_dynamodb::Client::new(&config),
            sqs: aws_sdk_sqs::Client::new(&config),
        })
    }

    /// Chooses the deployment whose AWS services answer at this URL.
    ///
    /// # Errors
    /// When the environment names another.
    pub async fn at(endpoint: &str) -> Result<Deployment> {
        Self::connect(&DeploymentArguments {
            endpoint: Some(endpoint.to_owned()),
            ..DeploymentArguments::default()
        })
        .await
    }

    pub fn location(&self) -> &Location {
        &self.location
    }

    pub fn dynamodb(&self) -> &aws_sdk_dynamodb::Client {
        &self.dynamodb
    }

    pub fn sqs(&self) -> &aws_sdk_sqs::Client {
        &self.sqs
    }

    /// The name of the table with this logical id in the template: the name that the user gave with `flag`, or
    /// else the one table whose name fits.
    ///
    /// # Errors
    /// When no table fits, when several do, or when DynamoDB does not answer.
    pub async fn table(&self, logical_id: &str, given: Option<&str>, flag: &str) -> Result<String> {
        if let Some(name) = given {
            self.check_table(name).await?;
            return Ok(name.to_owned());
        }
        let pages = self.dynamodb.list_tables().into_paginator().items().send();
        let names: Result<Vec<_>, _> = pages.collect().await;
        let names = names.map_err(|error| self.explain(&error))?;
        names::find(&names, self.stack.as_deref(), logical_id, flag)
            .with_context(|| format!("cannot find the shop's tables at {}", self.location))
    }

    /// The URL of the queue with this logical id in the template: the URL that the user gave with `flag`, or else
    /// that of the one queue whose name fits.
    ///
    /// # Errors
    /// When no queue fits, when several do, or when SQS does not answer.
    pub async fn queue(&self, logical_id: &str, given: Option<&str>, flag: &str) -> Result<String> {
        if let Some(url) = given {
            return Ok(url.to_owned());
        }
        let pages = self.sqs.list_queues().into_paginator().items().send();
        let urls: Result<Vec<_>, _> = pages.collect().await;
        let urls = urls.map_err(|error| self.explain(&error))?;
        let name = |url: &String| url.rsplit('/').next().unwrap_or_default().to_owned();
        let names: Vec<String> = urls.iter().map(name).collect();
        let found = names::find(&names, self.stack.as_deref(), logical_id, flag)
            .with_context(|| format!("cannot find the shop's queues at {}", self.location))?;
        let url = urls.into_iter().find(|url| name(url) == found);
        url.with_context(|| format!("{found} has no URL"))
    }

    async fn check_table(&self, name: &str) -> Result<()> {
        let answer = self.dynamodb.describe_table().table_name(name).send().await;
        let Err(error) = answer else { return Ok(()) };
        let missing = error
            .as_service_error()
            .is_some_and(|service| service.is_resource_not_found_exception());
        Err(if missing {
            anyhow!("there is no table {name} at {}", self.location)
        } else {
            self.explain(&error)
        })
    }

    /// Turns the error of a failed call into words that help the user.
    pub fn explain<E, R>(&self, error: &SdkError<E, R>) -> anyhow::Error
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
        R: fmt::Debug + Send + Sync + 'static,
    {
        let unreachable = match error {
            SdkError::TimeoutError(_) => true,
            SdkError::DispatchFailure(failure) => failure.is_io() || failure.is_timeout(),
            _ => false,
        };
        match &self.location {
            Location::Endpoint(url) if unreachable => {
                anyhow!("nothing answers at {url}: is it running?")
            }
            location => anyhow!("{location} refuses: {}", DisplayErrorContext(error)),
        }
    }
}

/// The SDK's configuration. On AWS it is the AWS CLI's: profiles, single sign-on, roles. A local endpoint accepts
/// any credentials, so the user needs none there.
async fn configuration(location: &Location) -> SdkConfig {
    let http_client = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let loader = aws_config::defaults(BehaviorVersion::latest()).http_client(http_client);
    match location {
        Location::Aws => loader.load().await,
        Location::Endpoint(url) => {
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

/// Made-up credentials, unless the user has set some: endpoints with several accounts tell them apart by these.
fn local_credentials() -> Option<Credentials> {
    let set = env::var_os("AWS_ACCESS_KEY_ID").is_some() || env::var_os("AWS_PROFILE").is_some();
    (!set).then(|| Credentials::new("local", "local", None, None, "local"))
}
