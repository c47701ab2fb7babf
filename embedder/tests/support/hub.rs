//! A hub on a local port: the real one's paths and headers, and its bad days.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use sha2::{Digest, Sha256};

const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// What goes wrong, and how often it still will.
#[derive(Default)]
pub(crate) struct Faults {
    /// Break a file off after so many bytes of this answer.
    pub(crate) cut_after: Vec<usize>,
    /// Answer with these statuses first.
    pub(crate) statuses: Vec<u16>,
    /// Flip a byte of every file of more than a hundred bytes, so many times.
    pub(crate) spoil: usize,
    /// Promise no hash and no size beforehand, as for files that are kept in git itself.
    pub(crate) tell_nothing: bool,
    /// Pay no attention to `Range`.
    pub(crate) ignore_range: bool,
}

/// A running hub; it ends with the test's process.
pub(crate) struct Hub {
    pub(crate) url: String,
    state: Arc<Mutex<State>>,
}

struct State {
    files: HashMap<String, Vec<u8>>,
    faults: Faults,
    requests: Vec<String>,
}

impl Hub {
    /// Serves `files`: path within `repo` → content.
    pub(crate) fn start(repo: &str, files: &[(&str, &[u8])], faults: Faults) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let files = files.iter().map(|(path, data)| (format!("{repo}/{path}"), data.to_vec())).collect();
        let state = Arc::new(Mutex::new(State { files, faults, requests: Vec::new() }));
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let shared = shared.clone();
                std::thread::spawn(move || answer(stream.unwrap(), &shared));
            }
        });
        Self { url, state }
    }

    /// Every request so far: method, path and range.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.state.lock().unwrap().requests.clone()
    }

    pub(crate) fn set_faults(&self, faults: Faults) {
        self.state.lock().unwrap().faults = faults;
    }

    pub(crate) fn set_file(&self, path: &str, data: &[u8]) {
        self.state.lock().unwrap().files.insert(path.to_owned(), data.to_vec());
    }
}

fn answer(mut stream: TcpStream, state: &Mutex<State>) {
    let Some((method, path, range)) = read_request(&stream) else { return };
    let mut state = state.lock().unwrap();
    state
        .requests
        .push(format!("{method} {path} {}", range.map_or(String::new(), |from| format!("from {from}"))));
    if !state.faults.statuses.is_empty() {
        let status = state.faults.statuses.remove(0);
        return send(&mut stream, &format!("{status} Trouble"), &[], b"", None);
    }
    match path.split_once("/resolve/") {
        Some((repo, rest)) => resolve(stream, &mut state, &method, repo, rest),
        None => storage(stream, &mut state, &path, range),
    }
}

fn resolve(mut stream: TcpStream, state: &mut State, method: &str, repo: &str, rest: &str) {
    let (revision, file) = rest.split_once('/').unwrap();
    let known = [COMMIT, "main"].contains(&revision);
    let key = format!("{}/{file}", repo.trim_start_matches('/'));
    let Some(data) = state.files.get(&key).filter(|_| known).cloned() else {
        return send(&mut stream, "404 Not Found", &[], b"Entry not found", None);
    };
    let mut headers = vec![("x-repo-commit".to_owned(), COMMIT.to_owned())];
    if !state.faults.tell_nothing {
        headers.push(("x-linked-etag".into(), format!("\"{}\"", hex::encode(Sha256::digest(&data)))));
        headers.push(("x-linked-size".into(), data.len().to_string()));
    }
    headers.push(("location".into(), format!("http://{}/storage/{key}", stream.local_addr().unwrap())));
    let body: &[u8] = if method == "HEAD" { b"" } else { b"Found" };
    send(&mut stream, "302 Found", &headers, body, None);
}

fn storage(mut stream: TcpStream, state: &mut State, path: &str, range: Option<usize>) {
    let mut data = state.files[path.trim_start_matches("/storage/")].clone();
    if state.faults.spoil > 0 && data.len() > 100 {
        state.faults.spoil -= 1;
        data[99] ^= 1;
    }
    let cut = if state.faults.cut_after.is_empty() { None } else { Some(state.faults.cut_after.remove(0)) };
    let from = range.filter(|_| !state.faults.ignore_range);
    let (status, headers) = match from {
        Some(from) if from >= data.len() => {
            return send(&mut stream, "416 Range Not Satisfiable", &[], b"", None);
        }
        Some(from) => {
            let range = format!("bytes {from}-{}/{}", data.len() - 1, data.len());
            ("206 Partial Content", vec![("content-range".to_owned(), range)])
        }
        None => ("200 OK", vec![]),
    };
    send(&mut stream, status, &headers, &data[from.unwrap_or(0)..], cut);
}

fn send(stream: &mut TcpStream, status: &str, headers: &[(String, String)], body: &[u8], cut: Option<usize>) {
    let mut head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let sent = &body[..cut.unwrap_or(body.len()).min(body.len())];
    // The client may have hung up: its own affair.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(b"\r\n"));
    let _ = stream.write_all(sent);
}

fn read_request(stream: &TcpStream) -> Option<(String, String, Option<usize>)> {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let first = lines.next()?;
    let mut words = first.split(' ');
    let (method, path) = (words.next()?.to_owned(), words.next()?.to_owned());
    let mut range = None;
    for line in lines.take_while(|line| !line.is_empty()) {
        let line = line.to_ascii_lowercase();
        if let Some(from) = line.strip_prefix("range: bytes=") {
            range = from.trim_end_matches('-').parse().ok();
        }
    }
    Some((method, path, range))
}
