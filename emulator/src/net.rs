//! Listening on this machine only.

use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use axum::serve::ListenerExt as _;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;

/// Connections that may wait to be accepted; a burst of buyers must not be refused.
const BACKLOG: u32 = 4_096;

/// A port that can't be had.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another program listens there.
    #[error(
        "port {port} is in use: is another emulator running? Choose another with {flag} PORT (0: any free one)"
    )]
    InUse {
        port: u16,
        /// The flag that chooses the port.
        flag: &'static str,
    },
    #[error("can't listen on port {port}")]
    Other { port: u16, source: std::io::Error },
}

/// Listens on a loopback port; 0 is any free one.
pub(crate) fn listen(port: u16, flag: &'static str) -> Result<TcpListener, ListenError> {
    bind(port).map_err(|source| match source.kind() {
        std::io::ErrorKind::AddrInUse => ListenError::InUse { port, flag },
        _ => ListenError::Other { port, source },
    })
}

/// Accepted connections inherit the listener's TCP_NODELAY: a small answer must not wait for more.
pub(crate) fn bind(port: u16) -> std::io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    // Lets a restart have the port at once, while old connections linger.
    socket.set_reuseaddr(true)?;
    socket.set_nodelay(true)?;
    socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
    socket.listen(BACKLOG)
}

/// Serves until `stop` is true.
pub(crate) async fn serve(listener: TcpListener, router: Router, mut stop: watch::Receiver<bool>) {
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    let router = router.into_make_service_with_connect_info::<SocketAddr>();
    let stopped = async move {
        let _ = stop.wait_for(|&stop| stop).await;
    };
    // Accepting never fails for good; a broken connection ends alone.
    let _ = axum::serve(listener, router)
        .with_graceful_shutdown(stopped)
        .await;
}
