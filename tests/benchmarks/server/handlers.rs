//! Which handler answers a request, and what handlers share: refusals, conditions, checksums.

use crate::http::{Received, Request, Response};
use crate::memory::Body;
use crate::state::{Object, State};
use crate::text::{base64_to_hex, checksum_text, escape, XML_HEAD};
use crate::{buckets, listings, multipart, objects};

/// Subresources that would change what a request means.
const NOT_IMPLEMENTED: [&str; 7] = ["acl", "attributes", "legal-hold", "policy", "retention", "tagging", "torrent"];
const OTHER_CHECKSUMS: [&str; 4] =
    ["x-amz-checksum-crc32", "x-amz-checksum-crc32c", "x-amz-checksum-sha1", "x-amz-checksum-sha256"];

/// A refusal with S3's code.
#[derive(Debug)]
pub struct Failure {
    status: &'static str,
    code: &'static str,
    message: String,
}

pub type Outcome = Result<Response, Failure>;

pub fn refuse(status: &'static str, code: &'static str, message: impl Into<String>) -> Failure {
    Failure { status, code, message: message.into() }
}
pub fn bad_request(code: &'static str, message: impl Into<String>) -> Failure {
    refuse("400 Bad Request", code, message)
}
pub fn no_such_bucket() -> Failure {
    refuse("404 Not Found", "NoSuchBucket", "The specified bucket does not exist")
}
pub fn no_such_key() -> Failure {
    refuse("404 Not Found", "NoSuchKey", "The specified key does not exist.")
}
pub fn no_such_upload() -> Failure {
    refuse("404 Not Found", "NoSuchUpload", "The specified upload does not exist: it may have been aborted or completed.")
}
pub fn precondition_failed(condition: &str) -> Failure {
    refuse("412 Precondition Failed", "PreconditionFailed", format!("{condition} did not hold"))
}

pub fn handle(state: &State, request: &Request, received: Received) -> Response {
    route(state, request, received).unwrap_or_else(|failure| {
        let (code, message) = (failure.code, escape(&failure.message));
        let resource = escape(&format!("/{}/{}", request.bucket, request.key));
        let error = format!("<Code>{code}</Code><Message>{message}</Message><Resource>{resource}</Resource>");
        Response::xml(failure.status, format!("{XML_HEAD}<Error>{error}<RequestId>bench</RequestId></Error>"))
    })
}

fn route(state: &State, request: &Request, received: Received) -> Outcome {
    let has = |name| request.parameter(name).is_some();
    if NOT_IMPLEMENTED.iter().any(|name| has(name)) {
        return Err(not_implemented());
    }
    let is_copy = request.header("x-amz-copy-source").is_some();
    match (request.method, request.key.is_empty()) {
        ("GET", true) if request.bucket.is_empty() => buckets::list(state),
        ("GET", true) if has("location") => buckets::location(state, request),
        ("GET", true) if has("versioning") => buckets::versioning(state, request),
        ("GET", true) if has("uploads") => listings::uploads(state, request),
        ("GET", true) => listings::objects(state, request),
        ("HEAD", true) => buckets::head(state, request),
        ("PUT", true) => buckets::create(state, request),
        ("DELETE", true) => buckets::delete(state, request),
        ("POST", true) if has("delete") => buckets::delete_objects(state, request, &received.body),
        ("PUT", false) if has("uploadId") && is_copy => multipart::copy_part(state, request),
        ("PUT", false) if has("uploadId") => multipart::upload_part(state, request, received),
        ("PUT", false) if is_copy => objects::copy(state, request),
        ("PUT", false) => objects::put(state, request, received),
        ("POST", false) if has("uploads") => multipart::create(state, request),
        ("POST", false) if has("uploadId") => multipart::complete(state, request, &received.body),
        ("DELETE", false) if has("uploadId") => multipart::abort(state, request),
        ("DELETE", false) => objects::delete(state, request),
        ("GET", false) if has("uploadId") => listings::parts(state, request),
        ("GET", false) | ("HEAD", false) => objects::get(state, request),
        _ => Err(not_implemented()),
    }
}

fn not_implemented() -> Failure {
    refuse("501 Not Implemented", "NotImplemented", "This server has no such operation.")
}

/// If the header lists the ETag, or is `*`.
pub fn lists_etag(header: &str, etag: &str) -> bool {
    header.split(',').map(|item| item.trim().trim_start_matches("W/").trim_matches('"')).any(|item| item == "*" || item == etag)
}

/// The conditions of a write over what has the key now.
pub fn check_write(request: &Request, existing: Option<&Object>) -> Result<(), Failure> {
    match request.header("if-none-match") {
        Some("*") if existing.is_some() => return Err(precondition_failed("If-None-Match")),
        Some("*") | None => {}
        Some(_) => return Err(not_implemented()),
    }
    match (request.header("if-match"), existing) {
        (Some(_), None) => Err(no_such_key()),
        (Some(header), Some(object)) if !lists_etag(header, &object.etag) => Err(precondition_failed("If-Match")),
        _ => Ok(()),
    }
}

/// The ETag of a body: Content-MD5 where the client told it (unchecked), else made of CRC64NVME and size.
pub fn etag(request: &Request, body: &Body) -> String {
    request.header("content-md5").and_then(base64_to_hex).unwrap_or_else(|| content_etag(body))
}

pub fn content_etag(body: &Body) -> String {
    format!("{:016x}{:016x}", body.crc64, body.size)
}

/// Refuse a wrong CRC64NVME; return the checksums of other kinds.
pub fn check_checksums(request: &Request, received: &Received) -> Result<Vec<(String, String)>, Failure> {
    if let Some(told) = given(request, &received.trailers, "x-amz-checksum-crc64nvme") {
        check_crc64(told, received.body.crc64)?;
    }
    Ok(given_checksums(request, &received.trailers))
}

/// The checksums of other kinds than CRC64NVME, which are kept unchecked.
pub fn given_checksums(request: &Request, trailers: &[(String, String)]) -> Vec<(String, String)> {
    let find = |name: &&str| given(request, trailers, name).map(|value| (name.to_string(), value.to_string()));
    OTHER_CHECKSUMS.iter().filter_map(find).collect()
}

fn given<'a>(request: &Request<'a>, trailers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    request.header(name).or_else(|| trailers.iter().find(|trailer| trailer.0 == name).map(|trailer| trailer.1.as_str()))
}

pub fn check_crc64(told: &str, computed: u64) -> Result<(), Failure> {
    let computed = checksum_text(computed);
    if told == computed {
        return Ok(());
    }
    Err(bad_request("BadDigest", format!("The CRC64NVME you specified, {told}, is not that of what was received, {computed}.")))
}

/// The lines of headers that tell an object's checksums.
pub fn checksum_headers(crc64: u64, others: &[(String, String)]) -> String {
    if others.is_empty() {
        return format!("x-amz-checksum-crc64nvme: {}\r\nx-amz-checksum-type: FULL_OBJECT\r\n", checksum_text(crc64));
    }
    others.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect()
}
