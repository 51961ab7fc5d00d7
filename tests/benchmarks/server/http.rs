//! HTTP/1.1 as S3's clients speak it: kept connections, bodies with Content-Length, chunked, or in aws-chunked with trailers.

use crate::memory::{Body, Sink, Slice};
use crate::text::{http_time, now_milliseconds, percent_decode, query_decode};
use crate::tls::{Context, Session};
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;

/// The largest read: what was read is still in the processor's cache when its checksum is computed.
const READ: usize = 512 << 10;
/// Answers up to this size leave in one piece.
const ONE_PIECE: u64 = 64 << 10;
/// Room for a request's head; a longer head ends the connection.
const LARGEST_HEAD: usize = 64 << 10;

/// A request's body, and the headers that came after it.
pub struct Received {
    pub body: Body,
    pub trailers: Vec<(String, String)>,
}

/// An accepted connection, in plain text or over TLS.
pub struct Connection {
    stream: TcpStream,
    session: Option<Session>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
}

impl Connection {
    pub fn accept(stream: TcpStream, context: Option<Context>) -> io::Result<Connection> {
        stream.set_nodelay(true)?;
        let session = context.map(|context| Session::accept(context, &stream)).transpose()?;
        Ok(Connection { stream, session, buffer: vec![0; LARGEST_HEAD], start: 0, end: 0 })
    }

    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = match &mut self.session {
            None => self.stream.read(bytes)?,
            Some(session) => session.read(bytes),
        };
        if count == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        Ok(count)
    }

    pub fn write_all(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        match &mut self.session {
            None => self.stream.write_all(bytes),
            Some(session) => {
                while !bytes.is_empty() {
                    bytes = &bytes[session.write(bytes)?..];
                }
                Ok(())
            }
        }
    }

    /// The text before the mark, which is taken away too.
    fn until(&mut self, mark: &[u8]) -> io::Result<String> {
        let mut looked_at = 0;
        loop {
            let seen = &self.buffer[self.start..self.end];
            let from = looked_at.min(seen.len());
            if let Some(place) = find(&seen[from..], mark) {
                let text = String::from_utf8_lossy(&seen[..from + place]).into_owned();
                self.start += from + place + mark.len();
                return Ok(text);
            }
            looked_at = seen.len().saturating_sub(mark.len() - 1);
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            if self.end == self.buffer.len() {
                return Err(ErrorKind::InvalidData.into());
            }
            let mut buffer = std::mem::take(&mut self.buffer);
            let count = self.read(&mut buffer[self.end..]);
            self.buffer = buffer;
            self.end += count?;
        }
    }

    /// Let the next bytes go into the sink.
    fn take(&mut self, bytes: u64, sink: &mut Sink) -> io::Result<()> {
        let mut left = bytes;
        while left > 0 {
            let space = sink.space();
            let room = space.len().min(READ).min(left.min(usize::MAX as u64) as usize);
            let space = &mut space[..room];
            let held = self.end - self.start;
            let count = if held > 0 {
                let count = held.min(room);
                space[..count].copy_from_slice(&self.buffer[self.start..self.start + count]);
                self.start += count;
                count
            } else {
                self.read(space)?
            };
            sink.advance(count);
            left -= count as u64;
        }
        Ok(())
    }

    /// The next request's head; None at the connection's end.
    pub fn head(&mut self) -> Option<String> {
        self.until(b"\r\n\r\n").ok()
    }

    pub fn receive(&mut self, request: &Request) -> io::Result<Received> {
        if request.header("expect").map_or(false, |value| value.eq_ignore_ascii_case("100-continue")) {
            self.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let number = |name| request.header(name).and_then(|value| value.parse::<u64>().ok());
        let chunked = request.header("transfer-encoding").map_or(false, |value| value.eq_ignore_ascii_case("chunked"));
        let aws_chunked = request.header("x-amz-content-sha256").map_or(false, |value| value.starts_with("STREAMING-"));
        let length = number("content-length").unwrap_or(0);
        if !chunked && !aws_chunked {
            let mut sink = Sink::new(Some(length));
            self.take(length, &mut sink)?;
            return Ok(Received { body: sink.finish(), trailers: Vec::new() });
        }
        let mut sink = Sink::new(number("x-amz-decoded-content-length"));
        if chunked && aws_chunked {
            let mut outer = Sink::new(None);
            self.take_chunks(&mut outer)?;
            let trailers = decode_chunks(&outer.finish().bytes(), &mut sink)?;
            return Ok(Received { body: sink.finish(), trailers });
        }
        let trailers = self.take_chunks(&mut sink)?;
        Ok(Received { body: sink.finish(), trailers })
    }

    /// HTTP's chunks and AWS's look alike: a size, perhaps a signature, the bytes; after the last one, trailers.
    fn take_chunks(&mut self, sink: &mut Sink) -> io::Result<Vec<(String, String)>> {
        loop {
            match chunk_size(&self.until(b"\r\n")?)? {
                0 => break,
                size => self.take(size, sink)?,
            }
            self.until(b"\r\n")?;
        }
        let mut trailers = Vec::new();
        loop {
            let line = self.until(b"\r\n")?;
            if line.is_empty() {
                return Ok(trailers);
            }
            trailers.extend(trailer(&line));
        }
    }

    /// Send the answer; `bodiless` for HEAD.
    pub fn answer(&mut self, response: &Response, bodiless: bool) -> io::Result<()> {
        let date = http_time(now_milliseconds());
        let mut head = format!("HTTP/1.1 {}\r\nServer: bench\r\nDate: {date}\r\nx-amz-request-id: bench\r\n", response.status);
        head.push_str(&response.headers);
        if response.status != NO_CONTENT {
            head.push_str(&format!("Content-Length: {}\r\n", response.size()));
        }
        head.push_str("\r\n");
        let mut first = head.into_bytes();
        match &response.content {
            _ if bodiless => self.write_all(&first),
            Content::Text(text) => {
                first.extend_from_slice(text.as_bytes());
                self.write_all(&first)
            }
            Content::Slices(slices) if response.size() <= ONE_PIECE => {
                slices.iter().for_each(|slice| first.extend_from_slice(slice));
                self.write_all(&first)
            }
            Content::Slices(slices) => {
                self.write_all(&first)?;
                slices.iter().try_for_each(|slice| self.write_all(slice))
            }
        }
    }
}

fn find(bytes: &[u8], mark: &[u8]) -> Option<usize> {
    let mut at = 0;
    while let Some(ahead) = bytes[at..].iter().position(|&byte| byte == mark[0]) {
        at += ahead;
        if bytes[at..].starts_with(mark) {
            return Some(at);
        }
        at += 1;
    }
    None
}

fn chunk_size(line: &str) -> io::Result<u64> {
    let digits = line.split(';').next().unwrap_or("").trim();
    u64::from_str_radix(digits, 16).map_err(|_| ErrorKind::InvalidData.into())
}

fn trailer(line: &str) -> Option<(String, String)> {
    line.split_once(':').map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_string()))
}

/// AWS's chunks inside of HTTP's.
fn decode_chunks(raw: &[u8], sink: &mut Sink) -> io::Result<Vec<(String, String)>> {
    let broken = || io::Error::from(ErrorKind::InvalidData);
    let mut at = 0;
    loop {
        let line_end = at + find(&raw[at..], b"\r\n").ok_or_else(broken)?;
        let mut left = chunk_size(&String::from_utf8_lossy(&raw[at..line_end]))? as usize;
        at = line_end + 2;
        if left == 0 {
            return Ok(String::from_utf8_lossy(&raw[at..]).split("\r\n").filter_map(trailer).collect());
        }
        while left > 0 {
            let space = sink.space();
            let count = space.len().min(left);
            space[..count].copy_from_slice(raw.get(at..at + count).ok_or_else(broken)?);
            sink.advance(count);
            at += count;
            left -= count;
        }
        at = (at + 2).min(raw.len());
    }
}

/// A request's head; names of headers and methods point into its text.
pub struct Request<'a> {
    pub method: &'a str,
    pub bucket: &'a str,
    pub key: String,
    query: Vec<(String, String)>,
    headers: Vec<(&'a str, &'a str)>,
}

impl<'a> Request<'a> {
    pub fn parse(head: &'a str) -> Request<'a> {
        let mut lines = head.split("\r\n");
        let mut words = lines.next().unwrap_or("").split(' ');
        let (method, target) = (words.next().unwrap_or(""), words.next().unwrap_or("/"));
        let headers = lines.filter_map(|line| line.split_once(':')).map(|(name, value)| (name.trim(), value.trim())).collect();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        // Clients of a proxy name the server too.
        let path = if path.starts_with("http") { path.splitn(4, '/').nth(3).unwrap_or("") } else { path };
        let path = path.strip_prefix('/').unwrap_or(path);
        let (bucket, key) = path.split_once('/').unwrap_or((path, ""));
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        let query = pairs.map(|(name, value)| (query_decode(name), query_decode(value))).collect();
        Request { method, bucket, key: percent_decode(key), query, headers }
    }

    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.iter().find(|header| header.0.eq_ignore_ascii_case(name)).map(|header| header.1)
    }

    pub fn headers(&self) -> impl Iterator<Item = (&'a str, &'a str)> + '_ {
        self.headers.iter().copied()
    }

    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|pair| pair.0 == name).map(|pair| pair.1.as_str())
    }

    pub fn number(&self, name: &str) -> Option<u64> {
        self.parameter(name).and_then(|value| value.parse().ok())
    }
}

pub const OK: &str = "200 OK";
pub const NO_CONTENT: &str = "204 No Content";

pub enum Content {
    Text(String),
    Slices(Vec<Slice>),
}

pub struct Response {
    pub status: &'static str,
    /// Whole lines, each with its end.
    pub headers: String,
    pub content: Content,
}

impl Response {
    pub fn empty(status: &'static str) -> Response {
        Response { status, headers: String::new(), content: Content::Text(String::new()) }
    }

    pub fn xml(status: &'static str, document: String) -> Response {
        Response { status, headers: "Content-Type: application/xml\r\n".to_string(), content: Content::Text(document) }
    }

    /// 200 with these lines of headers alone.
    pub fn headers(headers: String) -> Response {
        Response { status: OK, headers, content: Content::Text(String::new()) }
    }

    pub fn size(&self) -> u64 {
        match &self.content {
            Content::Text(text) => text.len() as u64,
            Content::Slices(slices) => slices.iter().map(|slice| slice.len() as u64).sum(),
        }
    }
}
