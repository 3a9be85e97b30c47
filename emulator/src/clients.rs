//! The emulator's own clients of DynamoDB and SQS, from the AWS SDK, so that any endpoint will do.

use aws_credential_types::Credentials as SdkCredentials;
use aws_sdk_dynamodb::error::ProvideErrorMetadata as _;
use aws_sdk_sqs::config::StalledStreamProtectionConfig;

use crate::caller::EMULATOR_KEY_ID;
use crate::http_client;

/// AWS credentials as the environment gives them.
#[derive(Clone)]
pub(crate) struct Credentials {
    pub(crate) access_key_id: String,
    pub(crate) secret_access_key: String,
    pub(crate) session_token: Option<String>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

#[derive(Debug, Clone)]
pub(crate) struct Clients {
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    pub(crate) sqs: aws_sdk_sqs::Client,
}

impl Clients {
    /// Clients of an endpoint; without credentials they sign as the emulator itself.
    pub(crate) fn new(endpoint: &str, region: &str, credentials: Option<&Credentials>) -> Self {
        let credentials = match credentials {
            Some(given) => SdkCredentials::new(
                &given.access_key_id,
                &given.secret_access_key,
                given.session_token.clone(),
                None,
                "environment",
            ),
            None => SdkCredentials::new(EMULATOR_KEY_ID, "local", None, None, "emulator"),
        };
        let http_client = http_client::for_endpoint(endpoint);
        let dynamodb = aws_sdk_dynamodb::Config::builder()
            .behavior_version_latest()
            .region(aws_sdk_dynamodb::config::Region::new(region.to_owned()))
            .endpoint_url(endpoint)
            .credentials_provider(credentials.clone())
            .http_client(http_client.clone())
            .build();
        let sqs = aws_sdk_sqs::Config::builder()
            .behavior_version_latest()
            .region(aws_sdk_sqs::config::Region::new(region.to_owned()))
            .endpoint_url(endpoint)
            .credentials_provider(credentials)
            .http_client(http_client)
            // A long poll is silent for a while without being stuck.
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .build();
        Clients {
            dynamodb: aws_sdk_dynamodb::Client::from_conf(dynamodb),
            sqs: aws_sdk_sqs::Client::from_conf(sqs),
        }
    }
}

/// The service's own words instead of the SDK's "service error".
pub(crate) fn explain<E, R>(error: aws_sdk_dynamodb::error::SdkError<E, R>) -> anyhow::Error
where
    E: std::error::Error + aws_sdk_dynamodb::error::ProvideErrorMetadata + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    match (error.code(), error.message()) {
        (Some(code), Some(message)) => anyhow::anyhow!("{code}: {message}"),
        (Some(code), None) => anyhow::anyhow!("{code}"),
        _ => anyhow::Error::from(error),
    }
}
