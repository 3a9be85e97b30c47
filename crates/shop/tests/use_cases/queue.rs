//! A queue that remembers what it was sent, or takes nothing; and delivers what the test put into it.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use domain::Checkout;
use serde_json::{Value, json};
use store::{CheckoutMessage, CheckoutQueue, ExpiryQueue, QueueMessage};
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
    /// Messages that wait to be received.
    waiting: Mutex<VecDeque<QueueMessage>>,
    receives: AtomicU32,
    /// The handles of messages that were deleted.
    deleted: Mutex<Vec<String>>,
    /// The handles of messages that were made visible, and after how many seconds.
    returned: Mutex<Vec<(String, u64)>>,
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

    /// The checkouts that were sent, and whether each says that its cart was submitted before.
    pub(crate) fn checkouts(&self) -> Vec<(Checkout, bool)> {
        let bodies = self.state.bodies.lock().unwrap();
        let read = |body: &String| CheckoutMessage::read(body).expect("a checkout");
        let messages = bodies.iter().map(read);
        messages
            .map(|message| {
                let is_again = message.is_again();
                (message.into_checkout(), is_again)
            })
            .collect()
    }

    /// Lets messages wait in the queue.
    pub(crate) fn put(&self, messages: impl IntoIterator<Item = QueueMessage>) {
        self.state.waiting.lock().unwrap().extend(messages);
    }

    /// How often messages were asked for.
    pub(crate) fn receives(&self) -> u32 {
        self.state.receives.load(Ordering::Relaxed)
    }

    /// The handles of messages that were deleted, sorted.
    pub(crate) fn deleted(&self) -> Vec<String> {
        let mut deleted = self.state.deleted.lock().unwrap().clone();
        deleted.sort_unstable();
        deleted
    }

    /// The handles of messages that were made visible, and after how many seconds; sorted.
    pub(crate) fn returned(&self) -> Vec<(String, u64)> {
        let mut returned = self.state.returned.lock().unwrap().clone();
        returned.sort_unstable();
        returned
    }
}

async fn take(State(mailbox): State<Arc<Mailbox>>, headers: HeaderMap, body: Bytes) -> Response {
    if mailbox.is_closed.load(Ordering::Relaxed) {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let request: Value = serde_json::from_slice(&body).expect("JSON");
    let target = headers["x-amz-target"].to_str().expect("an operation");
    let answer = match target.rsplit('.').next() {
        Some("SendMessage") => mailbox.send(&request),
        Some("ReceiveMessage") => mailbox.receive(&request),
        Some("DeleteMessageBatch") => mailbox.delete(&request),
        Some("ChangeMessageVisibilityBatch") => mailbox.make_visible(&request),
        other => panic!("no queue is asked for {other:?}"),
    };
    Json(answer).into_response()
}

impl Mailbox {
    fn send(&self, request: &Value) -> Value {
        let body = request["MessageBody"].as_str().expect("a body");
        self.bodies.lock().unwrap().push(body.to_owned());
        json!({ "MessageId": "1" })
    }

    fn receive(&self, request: &Value) -> Value {
        self.receives.fetch_add(1, Ordering::Relaxed);
        let most = request["MaxNumberOfMessages"].as_u64().expect("a number");
        let mut waiting = self.waiting.lock().unwrap();
        let most = waiting
            .len()
            .min(usize::try_from(most).expect("it is small"));
        let message = |message: QueueMessage| {
            json!({
                "MessageId": message.message_id,
                "ReceiptHandle": message.receipt_handle,
                "Body": message.body,
                "Attributes": {
                    "SentTimestamp": message.sent_at.unwrap_or_default().to_string(),
                    "ApproximateReceiveCount": message.receive_count.unwrap_or(1).to_string(),
                },
            })
        };
        let messages: Vec<Value> = waiting.drain(..most).map(message).collect();
        json!({ "Messages": messages })
    }

    fn delete(&self, request: &Value) -> Value {
        let handles = handles(request).map(|(handle, _)| handle);
        self.deleted.lock().unwrap().extend(handles);
        json!({ "Successful": [], "Failed": [] })
    }

    fn make_visible(&self, request: &Value) -> Value {
        let after = handles(request)
            .map(|(handle, entry)| (handle, entry["VisibilityTimeout"].as_u64().unwrap_or(0)));
        self.returned.lock().unwrap().extend(after);
        json!({ "Successful": [], "Failed": [] })
    }
}

fn handles(request: &Value) -> impl Iterator<Item = (String, &Value)> {
    let entries = request["Entries"].as_array().expect("entries").iter();
    entries.map(|entry| {
        let handle = entry["ReceiptHandle"].as_str().expect("a handle");
        (handle.to_owned(), entry)
    })
}
