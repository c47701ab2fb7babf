//! The same over WebSocket: each message one JSON object with a `type`.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, close_code};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::dropped;

/// Longest message a client may send; it has nothing to say but pongs.
pub(crate) const MESSAGE_BYTES_MAX: usize = 4 * 1024;

/// Writes `messages` until either side ends.
pub(crate) async fn serve<M: Send, W: Serialize>(
    mut socket: WebSocket,
    mut messages: mpsc::Receiver<M>,
    write_wait: Duration,
    written: impl Fn(M) -> Option<W> + Send,
) {
    loop {
        let message = tokio::select! {
            message = messages.recv() => message,
            received = socket.recv() => match received {
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => continue,
            },
        };
        let Some(message) = message else { break };
        let Some(text) = written(message).and_then(|written| serde_json::to_string(&written).ok()) else {
            continue;
        };
        match timeout(write_wait, socket.send(Message::text(text))).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return,
            Err(_) => {
                dropped("notifications-ws", "slow");
                return;
            }
        }
    }
    let frame = CloseFrame { code: close_code::AGAIN, reason: "connect again".into() };
    // The other side may be gone already.
    let _ = timeout(write_wait, socket.send(Message::Close(Some(frame)))).await;
}
