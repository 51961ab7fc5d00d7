//! PutObject, CopyObject, GetObject, HeadObject, DeleteObject.

use crate::handlers::*;
use crate::http::{Content, Received, Request, Response, NO_CONTENT, OK};
use crate::memory::cut;
use crate::state::{Metadata, Object, State};
use crate::text::{checksum_text, escape, http_time, iso_time, now_milliseconds, percent_decode, NAMESPACE, XML_HEAD};
use std::sync::Arc;

const PARTIAL: &str = "206 Partial Content";
/// Headers that an object keeps, beside x-amz-meta-*.
const KEPT: [&str; 9] = [
    "content-type",
    "content-encoding",
    "content-disposition",
    "content-language",
    "cache-control",
    "expires",
    "x-amz-storage-class",
    "x-amz-server-side-encryption",
    "x-amz-server-side-encryption-aws-kms-key-id",
];

pub fn put(state: &State, request: &Request, received: Received) -> Outcome {
    state.count("PutObject");
    let other_checksums = check_checksums(request, &received)?;
    let body = received.body;
    let etag = etag(request, &body);
    let headers = format!("ETag: \"{etag}\"\r\n{}", checksum_headers(body.crc64, &other_checksums));
    let object = Object {
        size: body.size,
        crc64: body.crc64,
        parts: vec![body],
        etag,
        modified_milliseconds: now_milliseconds(),
        metadata: Arc::new(Metadata { headers: kept_headers(request), other_checksums }),
    };
    store(state, request, object)?;
    Ok(Response::headers(headers))
}

/// Put the object in its place if the request's conditions hold.
pub fn store(state: &State, request: &Request, object: Object) -> Result<(), Failure> {
    let replaced = {
        let mut buckets = state.buckets.write().unwrap();
        let bucket = buckets.get_mut(request.bucket).ok_or_else(no_such_bucket)?;
        check_write(request, bucket.get(&request.key).map(|existing| existing.as_ref()))?;
        bucket.insert(request.key.clone(), Arc::new(object))
    };
    drop(replaced); // after the lock
    Ok(())
}

pub fn kept_headers(request: &Request) -> Vec<(String, String)> {
    let kept = |name: &str| name.starts_with("x-amz-meta-") || KEPT.contains(&name);
    let lower = request.headers().map(|(name, value)| (name.to_ascii_lowercase(), value));
    lower
        .filter(|(name, _)| kept(name))
        .filter_map(|(name, value)| Some((stored_value(&name, value)?, name)))
        .map(|(value, name)| (name, value))
        .collect()
}

/// aws-chunked is the transfer's, not the object's.
fn stored_value(name: &str, value: &str) -> Option<String> {
    if name != "content-encoding" {
        return Some(value.to_string());
    }
    let codings: Vec<&str> = value.split(',').map(str::trim).filter(|coding| *coding != "aws-chunked").collect();
    (!codings.is_empty()).then(|| codings.join(","))
}

/// The object with this key, if bucket and key exist.
fn find(state: &State, bucket: &str, key: &str) -> Result<Arc<Object>, Failure> {
    let buckets = state.buckets.read().unwrap();
    buckets.get(bucket).ok_or_else(no_such_bucket)?.get(key).cloned().ok_or_else(no_such_key)
}

/// The source of a copy, if the conditions on it hold.
pub fn copy_source(state: &State, request: &Request) -> Result<Arc<Object>, Failure> {
    let header = request.header("x-amz-copy-source").unwrap_or("");
    let path = percent_decode(header.split("?versionId=").next().unwrap_or(""));
    let path = path.strip_prefix('/').unwrap_or(&path);
    let (bucket, key) =
        path.split_once('/').ok_or_else(|| bad_request("InvalidArgument", "x-amz-copy-source must be BUCKET/KEY"))?;
    let source = find(state, bucket, key)?;
    let condition = |name| request.header(name).map(|header| lists_etag(header, &source.etag));
    if condition("x-amz-copy-source-if-match") == Some(false) {
        return Err(precondition_failed("x-amz-copy-source-if-match"));
    }
    if condition("x-amz-copy-source-if-none-match") == Some(true) {
        return Err(precondition_failed("x-amz-copy-source-if-none-match"));
    }
    Ok(source)
}

pub fn copy(state: &State, request: &Request) -> Outcome {
    state.count("CopyObject");
    let source = copy_source(state, request)?;
    let mut object = source.as_ref().clone();
    object.modified_milliseconds = now_milliseconds();
    let mut metadata = source.metadata.as_ref().clone();
    if request.header("x-amz-metadata-directive").map_or(false, |value| value.eq_ignore_ascii_case("replace")) {
        metadata.headers = kept_headers(request);
    }
    if request.header("x-amz-checksum-algorithm").map_or(false, |value| value.eq_ignore_ascii_case("crc64nvme")) {
        metadata.other_checksums.clear();
    }
    let checksum = match metadata.other_checksums.is_empty() {
        true => checksum_elements(object.crc64),
        false => String::new(),
    };
    object.metadata = Arc::new(metadata);
    let (etag, modified) = (escape(&object.etag), iso_time(object.modified_milliseconds));
    store(state, request, object)?;
    let result = format!("<LastModified>{modified}</LastModified><ETag>&quot;{etag}&quot;</ETag>{checksum}");
    Ok(Response::xml(OK, format!("{XML_HEAD}<CopyObjectResult {NAMESPACE}>{result}</CopyObjectResult>")))
}

pub fn checksum_elements(crc64: u64) -> String {
    format!("<ChecksumCRC64NVME>{}</ChecksumCRC64NVME><ChecksumType>FULL_OBJECT</ChecksumType>", checksum_text(crc64))
}

pub fn delete(state: &State, request: &Request) -> Outcome {
    state.count("DeleteObject");
    let removed = {
        let mut buckets = state.buckets.write().unwrap();
        buckets.get_mut(request.bucket).ok_or_else(no_such_bucket)?.remove(&request.key)
    };
    drop(removed); // after the lock
    Ok(Response::empty(NO_CONTENT))
}

/// GetObject and HeadObject: the answer's size tells HEAD what it needs.
pub fn get(state: &State, request: &Request) -> Outcome {
    state.count(if request.method == "HEAD" { "HeadObject" } else { "GetObject" });
    let object = find(state, request.bucket, &request.key)?;
    if request.header("if-match").map_or(false, |header| !lists_etag(header, &object.etag)) {
        return Err(precondition_failed("If-Match"));
    }
    let mut headers = format!(
        "ETag: \"{}\"\r\nLast-Modified: {}\r\nAccept-Ranges: bytes\r\n",
        object.etag,
        http_time(object.modified_milliseconds)
    );
    if request.header("if-none-match").map_or(false, |header| lists_etag(header, &object.etag)) {
        return Ok(Response { status: "304 Not Modified", ..Response::headers(headers) });
    }
    for (name, value) in &object.metadata.headers {
        headers.push_str(&format!("{name}: {value}\r\n"));
    }
    if !object.metadata.headers.iter().any(|(name, _)| name == "content-type") {
        headers.push_str("Content-Type: binary/octet-stream\r\n");
    }
    let part = request.number("partNumber").map(|number| part_range(&object, number)).transpose()?;
    let range = match (part, request.header("range").and_then(|header| parse_range(header, object.size))) {
        (Some(range), _) | (None, Some(Some(range))) => Some(range),
        (None, None) => None,
        (None, Some(None)) => {
            return Err(refuse("416 Requested Range Not Satisfiable", "InvalidRange", "The requested range is not satisfiable"))
        }
    };
    if part.is_some() && object.parts.len() > 1 {
        headers.push_str(&format!("x-amz-mp-parts-count: {}\r\n", object.parts.len()));
    }
    let asked = request.header("x-amz-checksum-mode").map_or(false, |value| value.eq_ignore_ascii_case("enabled"));
    let (status, (from, to)) = match range {
        Some((from, to)) => {
            headers.push_str(&format!("Content-Range: bytes {from}-{}/{}\r\n", to.saturating_sub(1), object.size));
            (PARTIAL, (from, to))
        }
        None => {
            if asked {
                headers.push_str(&checksum_headers(object.crc64, &object.metadata.other_checksums));
            }
            (OK, (0, object.size))
        }
    };
    Ok(Response { status, headers, content: Content::Slices(cut(object.slices(), from, to)) })
}

fn part_range(object: &Object, number: u64) -> Result<(u64, u64), Failure> {
    let place = (number as usize).wrapping_sub(1);
    let part = object
        .parts
        .get(place)
        .ok_or_else(|| refuse("416 Requested Range Not Satisfiable", "InvalidPartNumber", "No such part"))?;
    let from = object.parts[..place].iter().map(|before| before.size).sum();
    Ok((from, from + part.size))
}

/// The half-open range of bytes; Some(None) if the object has none of it, None if this is no single range, which is ignored.
pub fn parse_range(header: &str, size: u64) -> Option<Option<(u64, u64)>> {
    let (first, last) = header.strip_prefix("bytes=")?.split_once('-')?;
    if first.is_empty() {
        let bytes: u64 = last.parse().ok()?;
        return Some((bytes > 0 && size > 0).then(|| (size.saturating_sub(bytes), size)));
    }
    let from: u64 = first.parse().ok()?;
    let to = if last.is_empty() { size } else { last.parse::<u64>().ok()?.saturating_add(1).min(size) };
    if !last.is_empty() && last.parse::<u64>().ok()? < from {
        return None;
    }
    Some((from < size).then(|| (from, to)))
}
