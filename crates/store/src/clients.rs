//! Clients made from the environment that Lambda gives a function.
//!
//! Credentials and region come from Lambda's own variables, so nothing is looked up when a function
//! starts; `AWS_ENDPOINT_URL` points the clients at an emulator. Programs that people run
//! themselves (with profiles, SSO and the like) make their clients with `aws-config` instead.

use std::sync::LazyLock;

use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{
    BehaviorVersion, Region, SharedAsyncSleep, SharedHttpClient, StalledStreamProtectionConfig,
};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_async::time::{SharedTimeSource, SystemTimeSource};
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};
use aws_types::SdkConfig;

use crate::call_spans::CallSpans;
use crate::env::{MissingVariable, from_env};
use crate::patience::{ATTEMPT_TIMEOUT, CONNECT_TIMEOUT};

/// A DynamoDB client for a Lambda function.
///
/// # Errors
/// When a variable that Lambda sets is missing.
pub fn dynamodb_from_env() -> Result<aws_sdk_dynamodb::Client, MissingVariable> {
    let config = sdk_config("AWS_ENDPOINT_URL_DYNAMODB")?;
    let config = aws_sdk_dynamodb::config::Builder::from(&config).interceptor(CallSpans);
    Ok(aws_sdk_dynamodb::Client::from_conf(config.build()))
}

/// An SQS client for a Lambda function.
///
/// # Errors
/// When a variable that Lambda sets is missing.
pub fn sqs_from_env() -> Result<aws_sdk_sqs::Client, MissingVariable> {
    let config = sdk_config("AWS_ENDPOINT_URL_SQS")?;
    let config = aws_sdk_sqs::config::Builder::from(&config).interceptor(CallSpans);
    Ok(aws_sdk_sqs::Client::from_conf(config.build()))
}

fn sdk_config(service_endpoint: &'static str) -> Result<SdkConfig, MissingVariable> {
    let credentials = Credentials::new(
        from_env("AWS_ACCESS_KEY_ID")?,
        from_env("AWS_SECRET_ACCESS_KEY")?,
        from_env("AWS_SESSION_TOKEN").ok(),
        None,
        "lambda-environment",
    );
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .operation_attempt_timeout(ATTEMPT_TIMEOUT)
        .build();
    let endpoint = from_env(service_endpoint)
        .or_else(|_| from_env("AWS_ENDPOINT_URL"))
        .ok();
    let config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(from_env("AWS_REGION")?))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(http_client(endpoint.as_deref()))
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard())
        .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
        .time_source(SharedTimeSource::new(SystemTimeSource::new()))
        // The protection watches long downloads; the shop's answers are a few kilobytes.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    Ok(match endpoint {
        Some(endpoint) => config.endpoint_url(endpoint).build(),
        None => config.build(),
    })
}

/// The roots that Amazon Trust Services recommends for a trust store of one's own: all five, by whose keys
/// AWS's services are known. Reading a system's hundred and more took longer than all the rest of a cold
/// start (docs/performance.md).
/// Source: https://www.amazontrust.com/repository/, which also lists the hashes of their keys.
const AMAZON_ROOTS: &[u8] = include_bytes!("amazon_roots.pem");

/// AWS's services, over TLS: one client for all of them, so that it is made once.
static AWS: LazyLock<SharedHttpClient> = LazyLock::new(|| {
    let roots = TrustStore::empty().with_pem_certificate(AMAZON_ROOTS);
    let context = TlsContext::builder().with_trust_store(roots).build();
    aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .tls_context(context.expect("the certificates are PEM"))
        .build_https()
});

/// An emulator has certificates of its own, which the system must know, or none.
fn http_client(endpoint: Option<&str>) -> SharedHttpClient {
    let builder = aws_smithy_http_client::Builder::new();
    match endpoint {
        None => AWS.clone(),
        Some(endpoint) if endpoint.starts_with("http://") => builder.build_http(),
        Some(_) => builder
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A client makes its connector when it is made itself, and a connector reads the roots.
    #[test]
    fn aws_is_met_with_amazons_five_roots() {
        let certificates = str::from_utf8(AMAZON_ROOTS).expect("PEM is text");
        assert_eq!(certificates.matches("BEGIN CERTIFICATE").count(), 5);
        let config = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .http_client(http_client(None))
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .time_source(SharedTimeSource::new(SystemTimeSource::new()))
            .build();
        let _ = aws_sdk_dynamodb::Client::new(&config);
    }
}
