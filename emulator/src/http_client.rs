//! The HTTP client of the emulator's own AWS SDK clients.

use aws_sdk_sqs::config::SharedHttpClient;
use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;

/// A client for this endpoint. Root certificates take tens of milliseconds to read, so only TLS reads them.
pub(crate) fn for_endpoint(endpoint: &str) -> SharedHttpClient {
    if endpoint.starts_with("https://") {
        Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https()
    } else {
        Builder::new().build_http()
    }
}
