//! dynoxide, an embedded DynamoDB on SQLite, behind its own HTTP server.
//!
//! dynoxide answers on the thread that calls it, under one lock, so it has a runtime of its own: a long scan must
//! not hold up the gateway. Calls go to its HTTP server, not to its Rust API, because only the server checks
//! requests the way AWS does.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context as _;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, DATE, HeaderName};
use axum::http::{Method, Request, StatusCode, Uri};
use axum::response::Response;
use bytes::Bytes;
use bytes::buf::Chain;
use dynoxide::Database;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::sync::{oneshot, watch};

use crate::services::call::Call;
use crate::{aws_error, net};

/// One thread works under the lock while the other decodes and encodes JSON.
const THREADS: usize = 2;
/// Pause between removals of items whose time to live has passed. AWS takes up to a few days.
const EXPIRY_SWEEP: Duration = Duration::from_secs(60);
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);

const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
const AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");
/// The headers that dynoxide reads.
const FORWARDED: [HeaderName; 5] = [TARGET, CONTENT_TYPE, AUTHORIZATION, AMZ_DATE, DATE];

#[derive(Debug)]
pub(super) struct Engine {
    client: Client<HttpConnector, Full<Chain<Bytes, Bytes>>>,
    address: Uri,
    stop: watch::Sender<bool>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Engine {
    /// Opens the database in the file, or in memory.
    pub(super) async fn start(file: Option<&Path>) -> anyhow::Result<Self> {
        let database = match file {
            Some(file) => {
                let path = file
                    .to_str()
                    .context("the data directory's path must be UTF-8")?;
                Database::new(path)
                    .map_err(|error| anyhow::anyhow!("can't open {}: {error}", file.display()))?
            }
            None => Database::memory().map_err(|error| anyhow::anyhow!("{error}"))?,
        };
        let (stop, stopped) = watch::channel(false);
        let (ready, address) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("dynamodb".to_owned())
            .spawn(move || serve(database, ready, stopped))?;
        let address: SocketAddr = address.await.context("DynamoDB did not start")??;
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        Ok(Engine {
            client: Client::builder(TokioExecutor::new()).build(connector),
            address: format!("http://{address}/").parse()?,
            stop,
            thread: Mutex::new(Some(thread)),
        })
    }

    /// Sends the call with this body. An error is the response to a caller whom DynamoDB did not answer.
    pub(super) async fn call(
        &self,
        call: &Call,
        body: Chain<Bytes, Bytes>,
    ) -> Result<Response<Bytes>, Response> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.address.clone();
        for name in FORWARDED {
            if let Some(value) = call.headers.get(&name) {
                request.headers_mut().insert(name, value.clone());
            }
        }
        let no_answer = |error: &dyn std::fmt::Display| {
            tracing::warn!(%error, operation = %call.operation, "DynamoDB did not answer");
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            aws_error::failure(status, "InternalServerError", "DynamoDB did not answer")
        };
        let response = self.client.request(request).await;
        let (parts, body) = response.map_err(|error| no_answer(&error))?.into_parts();
        let body = body.collect().await.map_err(|error| no_answer(&error))?;
        Ok(Response::from_parts(parts, body.to_bytes()))
    }

    /// Closes the database and waits until its file is whole.
    pub(super) async fn shut_down(&self) {
        self.stop.send_replace(true);
        let thread = self
            .thread
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take();
        let joined = tokio::task::spawn_blocking(|| thread.map(JoinHandle::join));
        let _ = tokio::time::timeout(SHUTDOWN_TIMEOUT * 2, joined).await;
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop.send_replace(true);
    }
}

type Ready = oneshot::Sender<std::io::Result<SocketAddr>>;

fn serve(database: Database, ready: Ready, stopped: watch::Receiver<bool>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .thread_name("dynamodb")
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            let _ = ready.send(Err(error));
            return;
        }
    };
    runtime.block_on(async {
        let bound = net::bind(0).and_then(|listener| Ok((listener.local_addr()?, listener)));
        let (address, listener) = match bound {
            Ok(bound) => bound,
            Err(error) => {
                let _ = ready.send(Err(error));
                return;
            }
        };
        let _ = ready.send(Ok(address));
        tokio::task::spawn_blocking({
            let (database, stopped) = (database.clone(), stopped.clone());
            move || sweep(&database, stopped)
        });
        let mut until = stopped;
        let shutdown = async move {
            let _ = until.wait_for(|&stop| stop).await;
        };
        if let Err(error) =
            dynoxide::server::serve_with_shutdown(listener, database, shutdown).await
        {
            tracing::error!(%error, "DynamoDB stopped");
        }
    });
    runtime.shutdown_timeout(SHUTDOWN_TIMEOUT);
}

/// Removes expired items, again and again.
fn sweep(database: &Database, mut stopped: watch::Receiver<bool>) {
    let runtime = tokio::runtime::Handle::current();
    loop {
        let pause = tokio::time::timeout(EXPIRY_SWEEP, stopped.wait_for(|&stop| stop));
        if runtime.block_on(pause).is_ok() {
            return;
        }
        if let Err(error) = database.sweep_ttl() {
            tracing::warn!(%error, "expired items were not removed");
        }
    }
}
