//! The HTTP client that sends traces to the collector. It is the AWS SDK's client, so that the binary has no
//! second one.

use std::sync::LazyLock;

use async_trait::async_trait;
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_http_client::Connector;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use aws_smithy_runtime_api::client::http::HttpConnector as _;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};

/// A client of the collector. Connections are opened when they are first needed.
#[derive(Debug)]
pub(crate) struct Collector {
    plain: LazyLock<Connector>,
    secure: LazyLock<Connector>,
}

impl Default for Collector {
    fn default() -> Self {
        Collector {
            plain: LazyLock::new(|| {
                Connector::builder()
                    .sleep_impl(TokioSleep::new())
                    .build_http()
            }),
            secure: LazyLock::new(|| {
                Connector::builder()
                    .sleep_impl(TokioSleep::new())
                    .tls_provider(Provider::Rustls(CryptoMode::Ring))
                    .build()
            }),
        }
    }
}

#[async_trait]
impl HttpClient for Collector {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let connector = match request.uri().scheme_str() {
            Some("https") => &self.secure,
            _ => &self.plain,
        };
        let request = HttpRequest::try_from(request.map(SdkBody::from))?;
        let response = connector.call(request).await?;
        let (parts, body) = response.try_into_http1x()?.into_parts();
        let body = ByteStream::new(body).collect().await?;
        Ok(Response::from_parts(parts, body.into_bytes()))
    }
}
