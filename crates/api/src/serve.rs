//! From the Lambda runtime to a handler and back.

use std::future::Future;
use std::time::{Instant, SystemTime};

use domain::CartId;
use domain::limits::MAX_BODY_BYTES;
use lambda_http::lambda_runtime::Runtime;
use lambda_http::request::RequestContext;
use lambda_http::{Adapter, Request, RequestExt, service_fn};
use telemetry::FlushLayer;
use tracing::{Instrument as _, Span};
use uuid::Uuid;

use crate::error::ApiError;
use crate::invocation;
use crate::reply::Reply;

/// Answers requests until Lambda ends the process.
///
/// # Errors
/// When the Lambda runtime cannot be reached.
pub async fn serve<H, F>(handle: H) -> Result<(), lambda_http::Error>
where
    H: Fn(Request) -> F,
    F: Future<Output = Result<Reply, ApiError>> + Send,
{
    let answer = |request: Request| {
        let span = invocation::span(&request);
        let handled = fits(&request).map(|()| handle(request));
        async {
            let reply = match handled {
                Ok(reply) => reply.await,
                Err(too_large) => Err(too_large),
            };
            let reply = reply.unwrap_or_else(Reply::from);
            Span::current().record("http.response.status_code", reply.status().as_u16());
            Ok::<Reply, lambda_http::Error>(reply)
        }
        .instrument(span)
    };
    let runtime = Runtime::new(Adapter::from(service_fn(answer)));
    runtime.layer(FlushLayer).run().await
}

fn fits(request: &Request) -> Result<(), ApiError> {
    if request.body().len() > MAX_BODY_BYTES {
        return Err(ApiError::TooLarge);
    }
    Ok(())
}

/// The route that the gateway matched, as template.yaml writes it: `GET /orders/{order_id}`.
pub fn route(request: &Request) -> &str {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => {
            context.route_key.as_deref().unwrap_or_default()
        }
        _ => "",
    }
}

/// When work for this request must be done, so that there is time left to answer it.
pub fn deadline(request: &Request) -> Instant {
    let end = request
        .lambda_context_ref()
        .map_or_else(SystemTime::now, |context| context.deadline());
    store::deadline(end)
}

/// A new cart's id, which sorts by the time it was made.
pub fn new_cart_id() -> CartId {
    Uuid::now_v7()
        .try_into()
        .expect("a UUID of version 7 is what a cart's id is")
}
