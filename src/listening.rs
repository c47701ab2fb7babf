//! Listening: a port a service, bound before anything else starts.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::serve::ListenerExt;
use rep_api::DeadlineListener;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// How long a connection may take nothing of what is written to it.
const WRITE_WAIT: Duration = Duration::from_secs(10);

/// A bound port.
pub(crate) struct Listening {
    pub(crate) name: &'static str,
    pub(crate) address: SocketAddr,
    listener: TcpListener,
}

impl Listening {
    /// Binds `port` (0: a free one) for service `name`, or says who may be in the way.
    pub(crate) async fn bind(name: &'static str, bind: IpAddr, port: u16) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((bind, port)).await.with_context(|| {
            format!("the {name} cannot listen on {bind}:{port}; stop what uses that port, or choose others with `--port-offset` or `--{name}-port`")
        })?;
        let address = listener.local_addr()?;
        Ok(Self { name, address, listener })
    }

    /// Where a person on this machine reaches it.
    pub(crate) fn url(&self) -> String {
        let host = if self.address.ip().is_unspecified() {
            "127.0.0.1".to_owned()
        } else {
            self.address.ip().to_string()
        };
        format!("http://{host}:{}", self.address.port())
    }

    /// Serves `router` until `shutdown`, then lets requests finish.
    pub(crate) fn serve(
        self,
        router: Router,
        shutdown: CancellationToken,
    ) -> impl Future<Output = anyhow::Result<()>> {
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        let name = self.name;
        // Tapping changes nothing: it is what makes a peer's address known through a listener of our own.
        let listener = DeadlineListener::new(self.listener, WRITE_WAIT).tap_io(|_| {});
        async move {
            axum::serve(listener, service)
                .with_graceful_shutdown(shutdown.cancelled_owned())
                .await
                .with_context(|| format!("the {name} server failed"))
        }
    }
}
