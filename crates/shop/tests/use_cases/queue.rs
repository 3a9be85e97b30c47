//! A queue that remembers what it was sent, or takes nothing.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use domain::Checkout;
use serde_json::{Value, json};
use store::{CheckoutQueue, ExpiryQueue};
use tokio::net::TcpListener;

pub(crate) struct Queue {
    client: Client,
    url: String,
    state: Arc<Mailbox>,
}

#[derive(Default)]
struct Mailbox {
    is_closed: AtomicBool,
    bodies: Mutex<Vec<String>>,
}

impl Queue {
    pub(crate) async fn open() -> Queue {
        let state = Arc::new(Mailbox::default());
        let router = Router::new().fallback(take).with_state(state.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .http_client(aws_smithy_http_client::Builder::new().build_http())
            .retry_config(RetryConfig::disabled())
            .endpoint_url(&url);
        Queue {
            client: Client::from_conf(config.build()),
            url,
            state,
        }
    }

    /// Takes no message any more, or takes them again.
    pub(crate) fn close(&self, is_closed: bool) {
        self.state.is_closed.store(is_closed, Ordering::Relaxed);
    }

    pub(crate) fn of_checkouts(&self) -> CheckoutQueue {
        CheckoutQueue::new(&self.client, &self.url)
    }

    pub(crate) fn of_expiries(&self) -> ExpiryQueue {
        ExpiryQueue::new(&self.client, &self.url)
    }

    /// The checkouts that were sent.
    pub(crate) fn checkouts(&self) -> Vec<Checkout> {
        let bodies = self.state.bodies.lock().unwrap();
        let checkout = |body: &String| serde_json::from_str(body).expect("a checkout");
        bodies.iter().map(checkout).collect()
    }
}

async fn take(State(mailbox): State<Arc<Mailbox>>, request: Bytes) -> Response {
    if mailbox.is_closed.load(Ordering::Relaxed) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let request: Value = serde_json::from_slice(&request).expect("JSON");
    let body = request["MessageBody"].as_str().expect("a body");
    mailbox.bodies.lock().unwrap().push(body.to_owned());
    Json(json!({ "MessageId": "1" })).into_response()
}
