//! The cloud that a program works on: AWS, or an endpoint that plays it; and how the shop's tables
//! and queues are found there. For the programs that people run themselves, not for functions.

mod names;
mod place;

use std::env;
use std::fmt;

use anyhow::{Context, Result, anyhow, bail};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_sdk_dynamodb::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

pub use place::Place;

/// The region that a local cloud is asked in when none is set: the one such clouds start with.
const LOCAL_REGION: &str = "us-east-1";

/// The arguments that say which cloud is meant.
#[derive(Debug, Clone, Default, clap::Args)]
pub struct CloudArguments {
    /// The cloud to work on, such as http://127.0.0.1:4566 [default: AWS_ENDPOINT_URL]
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,
    /// Work on AWS itself, with the profile and region that the AWS CLI would use
    #[arg(long)]
    pub aws: bool,
    /// The stack whose tables and queues are meant, when there are several
    #[arg(long, value_name = "NAME")]
    pub stack: Option<String>,
}

/// A cloud, ready to be asked.
#[derive(Debug, Clone)]
pub struct Cloud {
    place: Place,
    stack: Option<String>,
    dynamodb: aws_sdk_dynamodb::Client,
    sqs: aws_sdk_sqs::Client,
}

impl Cloud {
    /// The cloud that the arguments name, or else the environment.
    ///
    /// # Errors
    /// When they name none, or two, or no region is set for AWS.
    pub async fn connect(arguments: &CloudArguments) -> Result<Cloud> {
        let place = Place::choose(arguments.endpoint.as_deref(), arguments.aws)?;
        let config = configuration(&place).await;
        if config.region().is_none() {
            bail!("no region is set: set AWS_REGION, or AWS_PROFILE to a profile that has one");
        }
        Ok(Cloud {
            place,
            stack: arguments.stack.clone(),
            dynamodb: aws_sdk_dynamodb::Client::new(&config),
            sqs: aws_sdk_sqs::Client::new(&config),
        })
    }

    /// Where it is.
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Its DynamoDB.
    pub fn dynamodb(&self) -> &aws_sdk_dynamodb::Client {
        &self.dynamodb
    }

    /// Its SQS.
    pub fn sqs(&self) -> &aws_sdk_sqs::Client {
        &self.sqs
    }

    /// The name of the table that the template calls `logical_id`: the one given with `flag`, or
    /// else found by its name.
    ///
    /// # Errors
    /// When the table is not there, may be one of several, or the cloud does not answer.
    pub async fn table(&self, logical_id: &str, given: Option<&str>, flag: &str) -> Result<String> {
        if let Some(name) = given {
            self.check_table(name).await?;
            return Ok(name.to_owned());
        }
        let pages = self.dynamodb.list_tables().into_paginator().items().send();
        let names: Result<Vec<_>, _> = pages.collect().await;
        let names = names.map_err(|error| self.explain(&error))?;
        names::find(&names, self.stack.as_deref(), logical_id, flag)
            .with_context(|| format!("cannot find the shop's tables at {}", self.place))
    }

    /// The URL of the queue that the template calls `logical_id`: the one given with `flag`, or else
    /// found by its name.
    ///
    /// # Errors
    /// When the queue is not there, may be one of several, or the cloud does not answer.
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
            .with_context(|| format!("cannot find the shop's queues at {}", self.place))?;
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
            anyhow!("there is no table {name} at {}", self.place)
        } else {
            self.explain(&error)
        })
    }

    /// What a user can do about a call that failed.
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
        match &self.place {
            Place::Endpoint(url) if unreachable => {
                anyhow!("nothing answers at {url}: is it running?")
            }
            place => anyhow!("{place} refuses: {}", DisplayErrorContext(error)),
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
