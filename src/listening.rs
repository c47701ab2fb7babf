//! Listening: a port a service, bound before anything else starts.

mod body;
mod connections;

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

use anyhow::Context;
use axum::Router;
use axum::extract::ConnectInfo;
use axum::http::Request;
use axum::response::Response;
use axum::serve::Listener as _;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use rep_api::DeadlineListener;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;

pub(crate) use self::connections::{ConnectionLimits, Connections};

/// How long a connection may take nothing of what is written to it.
const WRITE_WAIT: Duration = Duration::from_secs(10);
/// How long the head of a request may take to come, from the connection's beginning or the answer before it: also how long
/// an idle connection stays.
const HEAD_WAIT: Duration = Duration::from_secs(30);
/// How long the body of a request may take to come, from its head.
const BODY_WAIT: Duration = Duration::from_secs(30);
/// Longest head of a request, in bytes.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// How long parts of a request may take to come.
#[derive(Clone, Copy)]
struct Waits {
    head: Duration,
    body: Duration,
}

/// A bound port.
pub(crate) struct Listening {
    pub(crate) address: SocketAddr,
    listener: TcpListener,
    connections: Connections,
}

impl Listening {
    /// Binds `port` (0: a free one) for service `name`, or says who may be in the way.
    pub(crate) async fn bind(
        name: &'static str,
        bind: IpAddr,
        port: u16,
        connections: Connections,
    ) -> anyhow::Result<Self> {
        let listener = TcpListener::bind((bind, port)).await.with_context(|| {
            format!("the {name} cannot listen on {bind}:{port}; stop what uses that port, or choose others with `--port-offset` or `--{name}-port`")
        })?;
        let address = listener.local_addr()?;
        Ok(Self { address, listener, connections })
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
        serve(self, router, shutdown, Waits { head: HEAD_WAIT, body: BODY_WAIT })
    }
}

async fn serve(
    listening: Listening,
    router: Router,
    shutdown: CancellationToken,
    waits: Waits,
) -> anyhow::Result<()> {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(waits.head).max_buf_size(HEAD_BYTES_MAX);
    let mut listener = DeadlineListener::new(listening.listener, WRITE_WAIT);
    let connections = TaskTracker::new();
    loop {
        let (io, peer) = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let Some(place) = listening.connections.admit(peer.ip()) else { continue };
        let router = router.clone();
        let service =
            hyper::service::service_fn(move |request| answer(router.clone(), peer, waits.body, request));
        let connection = http.serve_connection(TokioIo::new(io), service).with_upgrades();
        let shutdown = shutdown.clone();
        connections.spawn(async move {
            // A WebSocket goes on without it: streams have a bound of their own.
            let _place = place;
            let mut connection = pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = shutdown.cancelled() => {
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                // The client went away or was too slow: there is nothing to do about it.
                tracing::debug!(%error, "connection ended");
            }
        });
    }
    drop(listener);
    connections.close();
    connections.wait().await;
    Ok(())
}

async fn answer(
    router: Router,
    peer: SocketAddr,
    body_wait: Duration,
    request: Request<Incoming>,
) -> Result<Response, Infallible> {
    let mut request = body::timed(request, body_wait);
    request.extensions_mut().insert(ConnectInfo(peer));
    router.oneshot(request).await
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use axum::body::{Body, Bytes};
    use axum::routing::get;
    use futures::StreamExt as _;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;
    use tokio::time::{sleep, timeout};

    use super::*;

    const SHORT: Duration = Duration::from_millis(300);

    const WAITS: Waits = Waits { head: SHORT, body: SHORT };

    /// A port that serves `/`, takes a body there and, in frames that take several times [`SHORT`], `/stream`.
    async fn port(
        total_max: usize,
    ) -> (SocketAddr, CancellationToken, tokio::task::JoinHandle<anyhow::Result<()>>) {
        let limits = ConnectionLimits { total_max, of_address_max: 1, trusted: Vec::new() };
        let localhost = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let listening = Listening::bind("api", localhost, 0, Connections::new(limits)).await.unwrap();
        let frames = || async {
            let frames = futures::stream::iter(0..8).then(|n| async move {
                sleep(SHORT / 2).await;
                Ok::<_, Infallible>(format!("frame {n}\n"))
            });
            Body::from_stream(frames)
        };
        let root =
            get(|| async { "here" }).post(|body: Bytes| async move { body }).put(|| async { "unread" });
        let router = Router::new().route("/", root).route("/stream", get(frames));
        let (address, shutdown) = (listening.address, CancellationToken::new());
        (address, shutdown.clone(), tokio::spawn(serve(listening, router, shutdown, WAITS)))
    }

    async fn connect(address: SocketAddr, sent: &str) -> TcpStream {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(sent.as_bytes()).await.unwrap();
        stream
    }

    /// All that comes until the connection ends.
    async fn rest(stream: &mut TcpStream) -> String {
        let mut bytes = Vec::new();
        // One that is closed before it was read is reset.
        let _ = timeout(Duration::from_secs(60), stream.read_to_end(&mut bytes)).await.expect("it ends");
        String::from_utf8(bytes).unwrap()
    }

    const REQUEST: &str = "GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn half_sent_requests_and_idle_connections_end() {
        let (address, shutdown, serving) = port(400).await;
        let mut half = Vec::new();
        for n in 0..300 {
            half.push(connect(address, &REQUEST[..n % REQUEST.len()]).await);
        }
        let mut idle = connect(address, REQUEST).await;
        for stream in &mut half {
            let told = rest(stream).await;
            assert!(told.is_empty() || told.starts_with("HTTP/1.1 408"), "{told}");
        }
        assert!(rest(&mut idle).await.ends_with("here"));
        assert!(rest(&mut connect(address, REQUEST).await).await.ends_with("here"));
        shutdown.cancel();
        serving.await.unwrap().unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_head_may_be_as_long_as_it_is_said_to() {
        let (address, shutdown, serving) = port(10).await;
        let asked = |bytes| REQUEST.replace("/ ", &format!("/?{} ", "x".repeat(bytes)));
        let mut told = connect(address, &asked(60_000)).await;
        assert!(rest(&mut told).await.ends_with("here"));
        for bytes in [HEAD_BYTES_MAX, 2 * HEAD_BYTES_MAX] {
            let mut stream = connect(address, "").await;
            let _ = stream.write_all(asked(bytes).as_bytes()).await;
            let told = rest(&mut stream).await;
            // What came after the answer was not read: the connection may be reset.
            assert!(told.is_empty() || told.starts_with("HTTP/1.1 4"), "{told}");
        }
        shutdown.cancel();
        serving.await.unwrap().unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_body_that_drips_ends_and_one_that_comes_is_taken() {
        let (address, shutdown, serving) = port(10).await;
        let head = |bytes| format!("POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: {bytes}\r\n\r\n");
        let mut dripping = connect(address, &head(1_000_000)).await;
        let (mut answers, mut drops) = dripping.split();
        let drip = async {
            while drops.write_all(b"x").await.is_ok() {
                sleep(SHORT / 30).await;
            }
        };
        let mut answer = String::new();
        tokio::select! {
            read = timeout(Duration::from_secs(60), answers.read_to_string(&mut answer)) => {
                // What came after the answer was not read: the connection may be reset.
                let _ = read.expect("it ends");
            }
            () = drip => {}
        }
        assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
        let mut whole = connect(address, &(head(4) + "body")).await;
        assert!(rest(&mut whole).await.ends_with("body"));
        shutdown.cancel();
        serving.await.unwrap().unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_connection_serves_on_after_a_short_body_that_nobody_read() {
        let (address, shutdown, serving) = port(10).await;
        let head = |bytes| format!("PUT / HTTP/1.1\r\nhost: localhost\r\ncontent-length: {bytes}\r\n\r\n");
        let mut client = connect(address, &head(10_000)).await;
        let mut answer = [0; 512];
        for part in [&[b'x'; 4_000][..], &[b'x'; 6_000]] {
            // Apart from the head, and from each other.
            sleep(SHORT / 10).await;
            client.write_all(part).await.unwrap();
        }
        client.write_all(REQUEST.as_bytes()).await.unwrap();
        let mut told = String::new();
        while !told.ends_with("here") {
            let bytes = timeout(Duration::from_secs(60), client.read(&mut answer)).await.unwrap().unwrap();
            assert!(bytes > 0, "it was closed after {told}");
            told += std::str::from_utf8(&answer[..bytes]).unwrap();
        }
        assert!(told.contains("unread"), "{told}");
        drop(client);
        // What is announced to be long is not waited for.
        assert!(rest(&mut connect(address, &head(100_000)).await).await.ends_with("unread"));
        shutdown.cancel();
        serving.await.unwrap().unwrap();
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_stream_goes_on_for_longer_than_a_head_may_take_and_after_shutdown() {
        let (address, shutdown, serving) = port(10).await;
        let mut stream = connect(address, &REQUEST.replace("/ ", "/stream ")).await;
        sleep(SHORT).await;
        shutdown.cancel();
        assert!(rest(&mut stream).await.contains("frame 7"));
        serving.await.unwrap().unwrap();
        assert!(TcpStream::connect(address).await.is_err());
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn one_connection_too_many_is_closed_and_the_others_are_served() {
        let (address, shutdown, serving) = port(2).await;
        let mut streams = Vec::new();
        for _ in 0..2 {
            streams.push(connect(address, &REQUEST.replace("/ ", "/stream ")).await);
        }
        assert_eq!(rest(&mut connect(address, REQUEST).await).await, "");
        for stream in &mut streams {
            assert!(rest(stream).await.contains("frame 7"));
        }
        drop(streams);
        let served = async {
            while !rest(&mut connect(address, REQUEST).await).await.ends_with("here") {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(Duration::from_secs(60), served).await.expect("there is room again");
        shutdown.cancel();
        serving.await.unwrap().unwrap();
    }
}
