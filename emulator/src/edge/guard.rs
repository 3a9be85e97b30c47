//! Keeps web pages out. The edge asks nobody who they are, and a browser on this machine would carry any page's
//! requests to it.

use axum::extract::Request;
use axum::http::header::{HOST, ORIGIN};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

/// What this machine is called by itself and by its containers. A page whose own name was made to point here
/// (DNS rebinding) calls it by that name.
const NAMES: [&str; 4] = ["127.0.0.1", "localhost", "[::1]", "host.docker.internal"];

/// Lets in who calls this machine by its name and is no web page from elsewhere.
pub(super) async fn keep_pages_out(request: Request, next: Next) -> Response {
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

/// Browsers tell from which page a request comes; other programs have no reason to.
fn is_own_page(headers: &HeaderMap, authority: &Authority) -> bool {
    let own = format!("http://{authority}");
    headers
        .get_all(ORIGIN)
        .iter()
        .all(|origin| origin.as_bytes() == own.as_bytes())
}
