//! A proxy between checkout-batch and DynamoDB, which holds the function at a chosen call, so that a test can kill it at
//! exactly that moment.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use crate::process::kill;
use crate::shop::{Shop, Template};

/// The last of checkout-batch's own variables in the template: one more is put behind it.
const LAST_VARIABLE: &str = "GATHER_MOST: !Ref GatherMost";

/// The calls of checkout-batch that write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    /// The transaction with the stock, the decision's record and its marker.
    Commit,
    /// The call that enters orders.
    Enter,
    /// The call that removes the marker, with the units that go back if there are any.
    Close,
}

/// The moment at which checkout-batch is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The call is never done, unless the test lets it land late.
    Before(Write),
    /// The call is done, but its answer never arrives.
    After(Write),
}

/// A proxy on a free port. It stops when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    http: reqwest::Client,
    state: Mutex<Mode>,
    upstream: Mutex<String>,
    /// The call that was not done.
    withheld: Mutex<Option<(HeaderMap, Bytes)>>,
    /// The moment is there.
    reached: Notify,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Mode {
    /// All calls pass.
    #[default]
    Pass,
    /// All calls pass until this moment.
    Until(Moment),
    /// No call passes: the function is about to be killed.
    Hold,
}

impl Proxy {
    /// Starts a proxy.
    pub async fn open() -> Proxy {
        let listener = TcpListener::bind("127.0.0.1:0").await;
        let listener = listener.expect("there is a free port");
        let address = listener.local_addr().expect("the port is known");
        let shared = Arc::new(Shared::default());
        let routes = Router::new()
            .fallback(pass)
            .layer(DefaultBodyLimit::disable())
            .with_state(Arc::clone(&shared));
        let serving = tokio::spawn(async move {
            axum::serve(listener, routes)
                .await
                .expect("the proxy serves");
        });
        Proxy {
            address,
            shared,
            serving,
        }
    }

    /// Opens a shop whose checkout-batch reaches DynamoDB through this proxy.
    pub async fn shop(&self, template: Template) -> Shop {
        let endpoint = format!("AWS_ENDPOINT_URL_DYNAMODB: http://{}", self.address);
        let variables = format!("{LAST_VARIABLE}\n          {endpoint}");
        let shop = Shop::open_with(&template.replace(LAST_VARIABLE, &variables)).await;
        let upstream = shop.variable("AWS_ENDPOINT_URL").to_owned();
        *lock(&self.shared.upstream) = upstream;
        shop
    }

    /// Holds checkout-batch at the next such moment.
    pub fn hold_at(&self, moment: Moment) {
        *lock(&self.shared.state) = Mode::Until(moment);
    }

    /// Waits until checkout-batch is held.
    pub async fn held(&self) {
        self.shared.reached.notified().await;
    }

    /// Lets all calls pass again. The call that is held gets no answer.
    pub fn release(&self) {
        *lock(&self.shared.state) = Mode::Pass;
    }

    /// Waits until checkout-batch is held, kills its processes, and lets the calls of new ones pass.
    pub async fn kill_held(&self, shop: &Shop) {
        self.held().await;
        for pid in shop.processes("checkout-batch").await {
            kill(pid);
        }
        self.release();
    }

    /// Does the call that was held before it was done.
    pub async fn land_late(&self) {
        let withheld = lock(&self.shared.withheld).take();
        let (headers, body) = withheld.expect("a call was withheld");
        let answer = self.shared.forward(headers, body).await;
        let status = answer.status();
        assert!(status.is_success(), "the late call is answered {status}");
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn pass(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Response {
    let write = write(&headers, &body);
    let mode = shared.meet(write);
    match mode {
        Mode::Pass => return shared.forward(headers, body).await,
        Mode::Until(Moment::Before(_)) => {
            *lock(&shared.withheld) = Some((headers, body));
            shared.reached.notify_one();
        }
        // In a task of its own, since this one ends when the function gives up waiting.
        Mode::Until(Moment::After(_)) => {
            tokio::spawn(async move {
                shared.forward(headers, body).await;
                shared.reached.notify_one();
            });
        }
        Mode::Hold => {}
    }
    std::future::pending().await
}

impl Shared {
    /// The mode for this call. From the awaited moment on, all other calls are held.
    fn meet(&self, write: Option<Write>) -> Mode {
        let mut mode = lock(&self.state);
        let this = *mode;
        match this {
            Mode::Until(Moment::Before(awaited) | Moment::After(awaited)) => {
                if write != Some(awaited) {
                    return Mode::Pass;
                }
                *mode = Mode::Hold;
                this
            }
            Mode::Pass | Mode::Hold => this,
        }
    }

    async fn forward(&self, headers: HeaderMap, body: Bytes) -> Response {
        let upstream = lock(&self.upstream).clone();
        let request = self.http.post(upstream).headers(headers).body(body);
        let answer = request.send().await.expect("DynamoDB answers");
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = answer.bytes().await.expect("the answer is whole");
        (status, headers, body).into_response()
    }
}

/// Which write of checkout-batch a call is, if it is one.
fn write(headers: &HeaderMap, body: &[u8]) -> Option<Write> {
    let target = headers.get("x-amz-target")?.to_str().ok()?;
    let deletes = || {
        body.windows(DELETE.len())
            .any(|text| text == DELETE.as_bytes())
    };
    match target.rsplit('.').next()? {
        "TransactWriteItems" if deletes() => Some(Write::Close),
        "TransactWriteItems" => Some(Write::Commit),
        "BatchExecuteStatement" => Some(Write::Enter),
        "DeleteItem" => Some(Write::Close),
        _ => None,
    }
}

const DELETE: &str = "\"Delete\"";

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
