//! A TCP proxy in front of a server: passes bytes on, late, not at all, or breaks connections off.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Bytes of one read.
const CHUNK_BYTES: usize = 64 << 10;
/// How soon a stalled connection looks again.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// A proxy on a free port of loopback; ends with its runtime.
pub(crate) struct Proxy {
    address: SocketAddr,
    weather: Arc<Weather>,
}

/// What it does to what passes.
struct Weather {
    /// Not known at first for a server that must know the proxy before it starts.
    upstream: OnceLock<String>,
    delay_ms: AtomicU64,
    is_cut: AtomicBool,
    is_stalled: AtomicBool,
    /// Counts resets: a connection made before one breaks off.
    resets: watch::Sender<u64>,
}

impl Proxy {
    /// Begins to pass on to `upstream`, `host:port`.
    pub(crate) async fn start(upstream: String) -> std::io::Result<Self> {
        let proxy = Self::before().await?;
        proxy.lead_to(upstream);
        Ok(proxy)
    }

    /// A proxy before what is not there yet: until [`Self::lead_to`] is called it takes nobody.
    pub(crate) async fn before() -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let weather = Arc::new(Weather {
            upstream: OnceLock::new(),
            delay_ms: AtomicU64::new(0),
            is_cut: AtomicBool::new(false),
            is_stalled: AtomicBool::new(false),
            resets: watch::Sender::new(0),
        });
        let serving = Arc::clone(&weather);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(Arc::clone(&serving).serve(client));
            }
        });
        Ok(Self { address, weather })
    }

    /// From now on passes on to `upstream`, `host:port`; the first one stands.
    pub(crate) fn lead_to(&self, upstream: String) {
        let _ = self.weather.upstream.set(upstream);
    }

    /// Where it listens, `host:port`.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Holds every chunk back for this long, either way.
    pub(crate) fn delay(&self, delay: Duration) {
        self.weather.delay_ms.store(delay.as_millis() as u64, Ordering::Relaxed);
    }

    /// Takes nobody, and breaks off who is there; or takes them again.
    pub(crate) fn cut(&self, is_cut: bool) {
        self.weather.is_cut.store(is_cut, Ordering::Relaxed);
        if is_cut {
            self.reset();
        }
    }

    /// Passes nothing on, and keeps connections open; or goes on.
    pub(crate) fn stall(&self, is_stalled: bool) {
        self.weather.is_stalled.store(is_stalled, Ordering::Relaxed);
    }

    /// Breaks every connection off, with RST.
    pub(crate) fn reset(&self) {
        self.weather.resets.send_modify(|resets| *resets += 1);
    }
}

impl Weather {
    async fn serve(self: Arc<Self>, mut client: TcpStream) {
        // On every way out, what is still open ends with RST: nothing that was held back looks complete.
        let Ok(()) = client.set_zero_linger() else { return };
        if self.is_cut.load(Ordering::Relaxed) {
            return;
        }
        let mut resets = self.resets.subscribe();
        let Some(upstream) = self.upstream.get() else { return };
        let Ok(mut server) = TcpStream::connect(upstream).await else { return };
        let _ = (client.set_nodelay(true), server.set_nodelay(true));
        // Halves that own their side would end it with FIN when they are dropped.
        let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
        tokio::select! {
            _ = resets.changed() => {}
            _ = async { tokio::join!(self.pass(from_client, to_server), self.pass(from_server, to_client)) } => {}
        }
    }

    /// Passes on what comes until one side has ended.
    async fn pass(&self, mut from: ReadHalf<'_>, mut to: WriteHalf<'_>) {
        let mut chunk = vec![0; CHUNK_BYTES];
        while let Ok(count @ 1..) = from.read(&mut chunk).await {
            tokio::time::sleep(Duration::from_millis(self.delay_ms.load(Ordering::Relaxed))).await;
            while self.is_stalled.load(Ordering::Relaxed) {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            if to.write_all(&chunk[..count]).await.is_err() {
                return;
            }
        }
        let _ = to.shutdown().await; // The other side may have gone.
    }
}

#[test]
fn a_proxy_passes_on_stalls_and_breaks_off() {
    use std::io::{Read as _, Write as _};
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let upstream = server.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for mut client in server.incoming().map_while(Result::ok) {
            let mut echoed = [0; 1];
            while client.read_exact(&mut echoed).is_ok() && client.write_all(&echoed).is_ok() {}
        }
    });
    let proxy = runtime.block_on(Proxy::start(upstream)).unwrap();
    let connect = || {
        let client = std::net::TcpStream::connect(proxy.address()).unwrap();
        client.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        client
    };
    let ask = |mut client: &std::net::TcpStream| {
        client.write_all(b"x")?;
        client.read_exact(&mut [0; 1])
    };
    let client = connect();
    ask(&client).unwrap();
    proxy.stall(true);
    assert_eq!(ask(&client).unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    proxy.stall(false);
    client.set_read_timeout(None).unwrap();
    (&client).read_exact(&mut [0; 1]).unwrap();
    proxy.reset();
    assert_eq!((&client).read(&mut [0; 1]).unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    proxy.cut(true);
    assert!(ask(&connect()).is_err());
    proxy.cut(false);
    let server_is_busy_with_one = connect();
    drop(client);
    server_is_busy_with_one.set_read_timeout(None).unwrap();
    ask(&server_is_busy_with_one).unwrap();
}
