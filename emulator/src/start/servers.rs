//! The emulator's two HTTP servers, which stop together.

use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::net;

/// Longest wait for requests that are under way when the emulator stops.
const SHUTDOWN_GRACE: Duration = Duration::from_millis(500);

/// Servers that run until they are stopped, or until this is dropped.
#[derive(Debug)]
pub(super) struct Servers {
    stop: watch::Sender<bool>,
    tasks: JoinSet<()>,
}

impl Servers {
    pub(super) fn new() -> Self {
        Servers {
            stop: watch::Sender::new(false),
            tasks: JoinSet::new(),
        }
    }

    pub(super) fn serve(&mut self, listener: TcpListener, router: Router) {
        let stop = self.stop.subscribe();
        self.tasks.spawn(net::serve(listener, router, stop));
    }

    /// No server takes another request from here on.
    pub(super) fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Waits for the requests that are under way, but not for long.
    pub(super) async fn stopped(&mut self) {
        let finished = async { while self.tasks.join_next().await.is_some() {} };
        if tokio::time::timeout(SHUTDOWN_GRACE, finished)
            .await
            .is_err()
        {
            self.tasks.shutdown().await;
        }
    }
}
