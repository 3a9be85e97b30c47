//! Refuses requests of other web pages. The endpoint checks no credentials, and a browser on this machine sends the
//! requests of any page to it.

use axum::extract::Request;
use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

/// The names of this machine, for itself and for its containers. A page whose own name was made to point here
/// (DNS rebinding) uses that name.
const NAMES: [&str; 4] = ["127.0.0.1", "localhost", "[::1]", "host.docker.internal"];

/// Passes requests to one of this machine's names that come from no other web page.
pub(super) async fn refuse_other_pages(request: Request, next: Next) -> Response {
    let headers = request.headers();
    let host = headers.get(HOST).map(HeaderValue::as_bytes);
    let authority = host.and_then(|host| Authority::try_from(host).ok());
    let Some(authority) = authority.filter(|authority| NAMES.contains(&authority.host())) else {
        let help = format!("the emulator answers to {} only\n", NAMES.join(", "));
        return (StatusCode::FORBIDDEN, help).into_response();
    };
    if !is_own_page(headers, &authority) {
        let help = "the emulator answers no page but its own\n";
        return (StatusCode::FORBIDDEN, help).into_response();
    }
    next.run(request).await
}

/// Browsers send the page's origin; other programs have no reason to.
fn is_own_page(headers: &HeaderMap, authority: &Authority) -> bool {
    let own = format!("http://{authority}");
    headers
        .get_all(ORIGIN)
        .iter()
        .all(|origin| origin.as_bytes() == own.as_bytes())
}
