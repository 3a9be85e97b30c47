//! The loop of an HTTP function: from the Lambda runtime to its handler and back.

use std::future::Future;
use std::time::{Duration, Instant, SystemTime};

use domain::limits::MAX_BODY_BYTES;
use lambda_http::lambda_runtime::Runtime;
use lambda_http::{Adapter, Request, RequestExt, service_fn};
use store::StoreError;
use telemetry::FlushLayer;
use tracing::{Instrument as _, Span};

use crate::error::ApiError;
use crate::invocation;
use crate::reply::Reply;
use crate::routes::Route;

/// Answers the requests of a function's routes until Lambda ends the process.
///
/// # Errors
/// When the Lambda runtime cannot be reached.
pub async fn serve<R, H, F>(handle: H) -> Result<(), lambda_http::Error>
where
    R: Route,
    H: Fn(R, Request) -> F,
    F: Future<Output = Result<Reply, ApiError>> + Send,
{
    let answer = |request: Request| {
        let span = invocation::span(&request);
        let last_moment = last_moment(&request);
        let route = fits(&request).and_then(|()| R::of(&request));
        let handled = route.map(|route| handle(route, request));
        answer(handled, last_moment).instrument(span)
    };
    let runtime = Runtime::new(Adapter::from(service_fn(answer)));
    runtime.layer(FlushLayer).run().await
}

/// The handler's answer, or 503 when there is none by the last moment: were the function cut off by
/// Lambda itself, the client would get the gateway's bare words.
async fn answer<F>(
    handled: Result<F, ApiError>,
    last_moment: Instant,
) -> Result<Reply, lambda_http::Error>
where
    F: Future<Output = Result<Reply, ApiError>>,
{
    let reply = match handled {
        Ok(reply) => tokio::time::timeout_at(last_moment.into(), reply)
            .await
            .unwrap_or_else(|_| Err(StoreError::Unavailable("nothing in time".into()).into())),
        Err(unacceptable) => Err(unacceptable),
    };
    let reply = reply.unwrap_or_else(Reply::from);
    Span::current().record("http.response.status_code", reply.status().as_u16());
    Ok(reply)
}

fn fits(request: &Request) -> Result<(), ApiError> {
    if request.body().len() > MAX_BODY_BYTES {
        return Err(ApiError::TooLarge);
    }
    Ok(())
}

/// When work for this request must be done, so that there is time left to answer it.
pub fn deadline(request: &Request) -> Instant {
    store::deadline(end(request))
}

/// Time kept free to answer 503. It is less than [`deadline`] keeps free, so that handlers that keep to
/// theirs answer themselves.
const TIME_TO_ANSWER_503: Duration = Duration::from_millis(100);

/// When a request must be answered.
fn last_moment(request: &Request) -> Instant {
    let left = end(request).duration_since(SystemTime::now());
    Instant::now() + left.unwrap_or_default().saturating_sub(TIME_TO_ANSWER_503)
}

/// When Lambda ends the invocation.
fn end(request: &Request) -> SystemTime {
    let context = request.lambda_context_ref();
    context.map_or_else(SystemTime::now, |context| context.deadline())
}

#[cfg(test)]
mod tests {
    use lambda_http::{Body, Context};

    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn a_handler_that_hangs_is_answered_for_before_lambda_ends_it() {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let end = now.unwrap() + Duration::from_millis(400);
        let mut context = Context::default();
        context.deadline = end.as_millis().try_into().unwrap();
        let request = Request::new(Body::Empty).with_lambda_context(context);
        let end = Instant::now() + Duration::from_millis(400);

        let hangs = Ok(std::future::pending());
        let reply = answer(hangs, last_moment(&request)).await.unwrap();
        assert!(Instant::now() < end, "there is time left to send it");
        assert_eq!(reply.status(), 503);
        assert_eq!(reply.headers()["retry-after"], "1");
        assert_eq!(reply.headers()["content-type"], "application/problem+json");
    }
}
