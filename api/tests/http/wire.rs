//! Over real connections: WebSocket, and readers that stall.

use std::net::SocketAddr;
use std::time::Duration;

use axum::serve::ListenerExt;
use futures::{SinkExt, StreamExt};
use rep_api::DeadlineListener;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::support::{World, product};

/// Longest wait until a connection is closed that may not stall for a second.
const CLOSED_MAX: Duration = Duration::from_secs(120);

async fn serve(world: &World) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let listener = DeadlineListener::new(listener, Duration::from_secs(1)).tap_io(|_| {});
    let router = world.router.clone().into_make_service_with_connect_info::<SocketAddr>();
    let shutdown = world.state.shutdown_token();
    tokio::spawn(async move {
        axum::serve(listener, router).with_graceful_shutdown(shutdown.cancelled_owned()).await.unwrap();
    });
    address
}

async fn socket(address: SocketAddr, query: &str) -> Result<WebSocketStream<TcpStream>, Error> {
    let stream = TcpStream::connect(address).await.unwrap();
    let url = format!("ws://{address}/notifications/ws?{query}");
    client_async(url, stream).await.map(|(socket, _)| socket)
}

async fn message(socket: &mut WebSocketStream<TcpStream>) -> Value {
    match socket.next().await.unwrap().unwrap() {
        Message::Text(text) => serde_json::from_str(&text).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_socket_tells_what_a_stream_tells() {
    let world = World::new();
    for number in 1..=4 {
        world.notifications.tell("ann", number).await;
    }
    world.notifications.forget("ann", 2);
    let address = serve(&world).await;
    let mut ann = socket(address, "userId=ann&lastSequence=1").await.unwrap();
    assert_eq!(message(&mut ann).await, json!({"type": "gap", "after": 1, "next": 3}));
    for sequence in [3, 4] {
        let told = message(&mut ann).await;
        assert_eq!((&told["type"], &told["sequence"]), (&json!("notification"), &json!(sequence)));
    }
    ann.send(Message::text("whatever a client says")).await.unwrap();
    world.notifications.tell("ben", 9).await;
    world.notifications.tell("ann", 5).await;
    assert_eq!(message(&mut ann).await["sequence"], 5);
    world.state.shutdown_token().cancel();
    assert!(matches!(ann.next().await, Some(Ok(Message::Close(Some(_))))));
}

#[tokio::test]
async fn a_socket_is_refused_like_any_request() {
    let world = World::new();
    let address = serve(&world).await;
    match socket(address, "userId=a%20b").await {
        Err(Error::Http(response)) => {
            assert_eq!(response.status(), 400);
            assert_eq!(response.headers()["content-type"], "application/problem+json");
        }
        other => panic!("{:?}", other.map(|_| ())),
    }
}

#[tokio::test]
async fn a_connection_that_takes_nothing_is_closed() {
    const REQUESTS: usize = 40;
    let world = World::new();
    for number in 0..200 {
        let mut heavy = product(&format!("p{number}"), "heavy", "c");
        heavy.description = "x".repeat(8_000);
        world.add(heavy).await;
    }
    let address = serve(&world).await;
    let mut stalled = TcpStream::connect(address).await.unwrap();
    let request = "GET /products?limit=200 HTTP/1.1\r\nhost: localhost\r\n\r\n";
    stalled.write_all(request.repeat(REQUESTS).as_bytes()).await.unwrap();
    // Nothing is read until the server has let go: what is sent to it then is answered by a reset.
    let let_go = async {
        while stalled.write_all(b"\r\n").await.is_ok() {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(CLOSED_MAX, let_go).await.expect("the connection still stands");
    let mut taken = Vec::new();
    // Ends with an error or the end of the stream, long before all answers came.
    let ended = tokio::time::timeout(CLOSED_MAX, stalled.read_to_end(&mut taken)).await;
    assert!(ended.is_ok(), "the connection does not end");
    assert!(taken.len() < REQUESTS * 200 * 8_000, "{} bytes were taken", taken.len());
}
