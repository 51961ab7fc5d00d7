//! An S3 server in memory whose own cost is small and known, so that a benchmark measures clients. Not for production.
//!
//!     server FOLDER
//!
//! Listens on two free ports of 127.0.0.1, for http and, with FOLDER/server.pem and FOLDER/server.key, for https, and prints both
//! numbers when it is ready. One thread serves one connection. It ends when its standard input does, so never outlives its starter.
//!
//! It checks CRC64NVME, conditions and part lists, and refuses as S3 does. It does not check signatures, hashes of payloads,
//! Content-MD5 and other checksums, and it has no versions, tags, access control or persistence: what needs those is tested against
//! real servers.

mod buckets;
mod control;
mod crc64;
mod handlers;
mod http;
mod listings;
mod memory;
mod multipart;
mod objects;
mod state;
mod text;
mod tls;

use http::{Connection, Request};
use state::State;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

const STACK_BYTES: usize = 256 << 10;

fn main() -> Result<(), String> {
    let folder = std::env::args().nth(1).ok_or("usage: server FOLDER, where server.pem and server.key are")?;
    let inside = |name: &str| Path::new(&folder).join(name).to_string_lossy().into_owned();
    let context = tls::Context::new(&inside("server.pem"), &inside("server.key"))?;
    let listen = || TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string());
    let (plain, secure) = (listen()?, listen()?);
    let port = |listener: &TcpListener| listener.local_addr().map(|address| address.port()).map_err(|error| error.to_string());
    println!("{} {}", port(&plain)?, port(&secure)?);
    thread::spawn(|| {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
    let state = Arc::new(State::new());
    let shared = state.clone();
    thread::spawn(move || accept(secure, Some(context), shared));
    accept(plain, None, state);
    Ok(())
}

fn accept(listener: TcpListener, context: Option<tls::Context>, state: Arc<State>) {
    for stream in listener.incoming().flatten() {
        let state = state.clone();
        // A thread that can't be had closes the connection: the client tries again.
        let _ = thread::Builder::new().stack_size(STACK_BYTES).spawn(move || serve(stream, context, &state));
    }
}

fn serve(stream: TcpStream, context: Option<tls::Context>, state: &State) {
    let mut connection = match Connection::accept(stream, context) {
        Ok(connection) => connection,
        Err(_) => return,
    };
    let mut counted = false;
    while let Some(head) = connection.head() {
        let request = Request::parse(&head);
        let received = match connection.receive(&request) {
            Ok(received) => received,
            Err(_) => return,
        };
        let bodiless = request.method == "HEAD";
        let response = if request.bucket.starts_with("__") {
            control::control(state, &request)
        } else {
            if !std::mem::replace(&mut counted, true) {
                state.count_connection();
            }
            wait(state.delay_microseconds.load(Relaxed));
            let received_bytes = received.body.size;
            let response = handlers::handle(state, &request, received);
            state.count_bytes(received_bytes, if bodiless { 0 } else { response.size() });
            response
        };
        let last = request.header("connection").map_or(false, |value| value.eq_ignore_ascii_case("close"));
        if connection.answer(&response, bodiless).is_err() || last {
            return;
        }
    }
}

fn wait(microseconds: u64) {
    if microseconds > 0 {
        thread::sleep(Duration::from_micros(microseconds));
    }
}
