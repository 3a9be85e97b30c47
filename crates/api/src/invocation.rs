//! The span of a request, by which its logs and traces are found: with the ids that its path names.

use domain::{CartId, OrderId, ProductId};
use lambda_http::{Request, RequestExt as _};
use telemetry::{Invocation, Kind, TRACEPARENT};
use tracing::Span;
use tracing::field::display;

use crate::path::id;
use crate::routes::route_key;

/// The span around everything that is done for this request.
pub(crate) fn span(request: &Request) -> Span {
    let context = request.lambda_context_ref();
    let traceparent = request.headers().get(TRACEPARENT);
    let invocation = Invocation {
        name: route_key(request),
        kind: Kind::Server,
        request_id: context.map_or("", |context| &context.request_id),
        xray_header: context.and_then(|context| context.xray_trace_id.as_deref()),
        traceparent: traceparent.and_then(|header| header.to_str().ok()),
    };
    let span = invocation.span();
    // Only ids are recorded: any other text in a path is the client's own.
    if let Some(order_id) = id::<OrderId>(request, "order_id") {
        span.record("order_id", display(order_id));
    }
    if let Some(cart_id) = id::<CartId>(request, "cart_id") {
        span.record("cart_id", display(cart_id));
    }
    if let Some(product_id) = id::<ProductId>(request, "product_id") {
        span.record("product_id", display(product_id));
    }
    span
}
