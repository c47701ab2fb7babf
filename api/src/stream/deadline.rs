//! Connections whose writes have a deadline: a reader that stalls loses its connection, not our memory.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, Sleep, sleep_until};

/// A TCP listener whose connections end when a write makes no progress for `write_wait`.
///
/// Give it to [`axum::serve`]. With `ListenerExt::tap_io` around it, `ConnectInfo<SocketAddr>` is there too.
#[derive(Debug)]
pub struct DeadlineListener {
    listener: TcpListener,
    write_wait: Duration,
}

impl DeadlineListener {
    /// Wraps `listener`.
    pub fn new(listener: TcpListener, write_wait: Duration) -> Self {
        Self { listener, write_wait }
    }
}

impl Listener for DeadlineListener {
    type Io = DeadlineIo<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, address) = Listener::accept(&mut self.listener).await;
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "connection keeps its delay");
        }
        (DeadlineIo::new(stream, self.write_wait), address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection whose writes fail when they make no progress for a while.
#[derive(Debug)]
pub struct DeadlineIo<T> {
    inner: T,
    wait: Duration,
    timer: Pin<Box<Sleep>>,
    waiting: bool,
}

impl<T> DeadlineIo<T> {
    /// Wraps `inner`.
    pub fn new(inner: T, wait: Duration) -> Self {
        Self { inner, wait, timer: Box::pin(sleep_until(Instant::now() + wait)), waiting: false }
    }

    fn progress<R>(
        &mut self,
        context: &mut Context<'_>,
        poll: impl FnOnce(&mut T, &mut Context<'_>) -> Poll<io::Result<R>>,
    ) -> Poll<io::Result<R>> {
        if let Poll::Ready(done) = poll(&mut self.inner, context) {
            self.waiting = false;
            return Poll::Ready(done);
        }
        if !self.waiting {
            self.waiting = true;
            self.timer.as_mut().reset(Instant::now() + self.wait);
        }
        ready!(self.timer.as_mut().poll(context));
        super::dropped("connection", "stalled");
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "reader makes no progress")))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for DeadlineIo<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for DeadlineIo<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.progress(context, |inner, context| Pin::new(inner).poll_write(context, bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.progress(context, |inner, context| Pin::new(inner).poll_flush(context))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.progress(context, |inner, context| Pin::new(inner).poll_shutdown(context))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.progress(context, |inner, context| Pin::new(inner).poll_write_vectored(context, bytes))
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_stalls_ends_the_connection() {
        let (near, mut far) = tokio::io::duplex(8);
        let mut io = DeadlineIo::new(near, Duration::from_secs(5));
        io.write_all(b"12345678").await.unwrap();
        let mut read = [0; 8];
        far.read_exact(&mut read).await.unwrap();
        io.write_all(b"12345678").await.unwrap();
        let began = Instant::now();
        let error = io.write_all(b"9").await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(began.elapsed().as_secs(), 5);
    }
}
