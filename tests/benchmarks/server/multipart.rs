//! Multipart uploads, from creation to completion or abortion.

use crate::crc64;
use crate::handlers::*;
use crate::http::{Received, Request, Response, NO_CONTENT, OK};
use crate::memory::{cut, Body};
use crate::objects::{checksum_elements, copy_source, kept_headers, parse_range, store};
use crate::state::{Metadata, Object, Part, State, Upload};
use crate::text::{checksum_text, element, elements, escape, iso_time, now_milliseconds, NAMESPACE, XML_HEAD};
use std::sync::Arc;

/// S3's limits.
const SMALLEST_PART: u64 = 5 << 20;
const MOST_PARTS: u64 = 10_000;
pub const CRC64NVME: &str = "CRC64NVME";

pub fn create(state: &State, request: &Request) -> Outcome {
    state.count("CreateMultipartUpload");
    if !state.buckets.read().unwrap().contains_key(request.bucket) {
        return Err(no_such_bucket());
    }
    let algorithm = request.header("x-amz-checksum-algorithm").unwrap_or(CRC64NVME).to_ascii_uppercase();
    let kind = request.header("x-amz-checksum-type").map(str::to_ascii_uppercase);
    if algorithm == CRC64NVME && kind.map_or(false, |kind| kind != "FULL_OBJECT") {
        return Err(bad_request("InvalidRequest", "CRC64NVME has the checksum type FULL_OBJECT alone."));
    }
    let id = state.next_upload_id();
    let upload = Upload {
        bucket: request.bucket.to_string(),
        key: request.key.clone(),
        initiated_milliseconds: now_milliseconds(),
        algorithm: algorithm.clone(),
        metadata: Metadata { headers: kept_headers(request), other_checksums: Vec::new() },
        parts: Default::default(),
    };
    state.uploads.lock().unwrap().insert(id.clone(), upload);
    let (bucket, key) = (escape(request.bucket), escape(&request.key));
    let result = format!("<Bucket>{bucket}</Bucket><Key>{key}</Key><UploadId>{id}</UploadId>");
    let document = format!("{XML_HEAD}<InitiateMultipartUploadResult {NAMESPACE}>{result}</InitiateMultipartUploadResult>");
    let mut response = Response::xml(OK, document);
    response.headers.push_str(&format!("x-amz-checksum-algorithm: {algorithm}\r\n"));
    if algorithm == CRC64NVME {
        response.headers.push_str("x-amz-checksum-type: FULL_OBJECT\r\n");
    }
    Ok(response)
}

/// If the upload is of this bucket and key.
pub fn is_for(upload: &Upload, request: &Request) -> bool {
    upload.bucket == request.bucket && upload.key == request.key
}

/// Keep the part; return if the upload is one with CRC64NVME.
fn keep_part(state: &State, request: &Request, body: Body, etag: String) -> Result<bool, Failure> {
    let number = request.number("partNumber").filter(|number| (1..=MOST_PARTS).contains(number));
    let number = number.ok_or_else(|| bad_request("InvalidArgument", format!("partNumber must be from 1 to {MOST_PARTS}")))?;
    let part = Part { body, etag, modified_milliseconds: now_milliseconds() };
    let (with_crc64, replaced) = {
        let mut uploads = state.uploads.lock().unwrap();
        let id = request.parameter("uploadId").unwrap_or("");
        let upload = uploads.get_mut(id).filter(|upload| is_for(upload, request)).ok_or_else(no_such_upload)?;
        (upload.algorithm == CRC64NVME, upload.parts.insert(number as u32, part))
    };
    drop(replaced); // after the lock
    Ok(with_crc64)
}

pub fn upload_part(state: &State, request: &Request, received: Received) -> Outcome {
    state.count("UploadPart");
    let other_checksums = check_checksums(request, &received)?;
    let etag = etag(request, &received.body);
    let crc64 = received.body.crc64;
    let with_crc64 = keep_part(state, request, received.body, etag.clone())?;
    let mut headers = format!("ETag: \"{etag}\"\r\n");
    if with_crc64 {
        headers.push_str(&format!("x-amz-checksum-crc64nvme: {}\r\n", checksum_text(crc64)));
    }
    for (name, value) in other_checksums {
        headers.push_str(&format!("{name}: {value}\r\n"));
    }
    Ok(Response::headers(headers))
}

pub fn copy_part(state: &State, request: &Request) -> Outcome {
    state.count("UploadPartCopy");
    let source = copy_source(state, request)?;
    let (from, to) = match request.header("x-amz-copy-source-range") {
        None => (0, source.size),
        Some(header) => parse_range(header, source.size)
            .flatten()
            .ok_or_else(|| bad_request("InvalidArgument", "x-amz-copy-source-range is not within the source"))?,
    };
    let body = Body::of(cut(source.slices(), from, to));
    let (etag, crc64) = (content_etag(&body), body.crc64);
    let with_crc64 = keep_part(state, request, body, etag.clone())?;
    let mut result = format!("<LastModified>{}</LastModified><ETag>&quot;{etag}&quot;</ETag>", iso_time(now_milliseconds()));
    if with_crc64 {
        result.push_str(&format!("<ChecksumCRC64NVME>{}</ChecksumCRC64NVME>", checksum_text(crc64)));
    }
    Ok(Response::xml(OK, format!("{XML_HEAD}<CopyPartResult {NAMESPACE}>{result}</CopyPartResult>")))
}

/// What CompleteMultipartUpload says of one part.
struct Listed {
    number: u32,
    etag: String,
    crc64: Option<String>,
}

fn listed_parts(text: &str) -> Result<Vec<Listed>, Failure> {
    let parse = |entry: &&str| {
        let number = element(entry, "PartNumber")?.parse().ok()?;
        let etag = element(entry, "ETag")?.trim_matches('"').to_string();
        Some(Listed { number, etag, crc64: element(entry, "ChecksumCRC64NVME") })
    };
    let parts: Option<Vec<Listed>> = elements(text, "Part").iter().map(parse).collect();
    parts.filter(|parts| !parts.is_empty()).ok_or_else(|| bad_request("MalformedXML", "Not a list of at least one part"))
}

/// The bodies of the listed parts in their order, if the list is right.
fn chosen_parts(upload: &Upload, listed: &[Listed]) -> Result<Vec<Body>, Failure> {
    if listed.windows(2).any(|pair| pair[0].number >= pair[1].number) {
        return Err(bad_request("InvalidPartOrder", "The list of parts was not in ascending order."));
    }
    let mut bodies: Vec<Body> = Vec::with_capacity(listed.len());
    for entry in listed {
        if bodies.last().map_or(false, |before| before.size < SMALLEST_PART) {
            return Err(bad_request("EntityTooSmall", "A part before the last one is smaller than 5 MiB."));
        }
        let part = upload.parts.get(&entry.number).filter(|part| part.etag == entry.etag);
        let part =
            part.ok_or_else(|| bad_request("InvalidPart", format!("Part {} is not there, or has another ETag.", entry.number)))?;
        if let Some(told) = &entry.crc64 {
            check_crc64(told, part.body.crc64)
                .map_err(|_| bad_request("InvalidPart", format!("Part {} has another CRC64NVME.", entry.number)))?;
        }
        bodies.push(part.body.clone());
    }
    Ok(bodies)
}

pub fn complete(state: &State, request: &Request, body: &Body) -> Outcome {
    state.count("CompleteMultipartUpload");
    let id = request.parameter("uploadId").unwrap_or("");
    let finished;
    let (etag, checksum) = {
        let mut uploads = state.uploads.lock().unwrap();
        let upload = uploads.get(id).filter(|upload| is_for(upload, request)).ok_or_else(no_such_upload)?;
        let listed = listed_parts(&String::from_utf8_lossy(&body.bytes()))?;
        let parts = chosen_parts(upload, &listed)?;
        let size = parts.iter().map(|part| part.size).sum();
        let crc64 = parts.iter().fold(0, |crc64, part| crc64::combine(crc64, part.crc64, part.size));
        if let Some(told) = request.header("x-amz-checksum-crc64nvme") {
            check_crc64(told, crc64)?;
        }
        if request.header("x-amz-mp-object-size").map_or(false, |told| told.parse() != Ok(size)) {
            return Err(bad_request("InvalidRequest", format!("x-amz-mp-object-size is not the size of the parts, {size}")));
        }
        let mut metadata = upload.metadata.clone();
        let with_crc64 = upload.algorithm == CRC64NVME;
        if !with_crc64 {
            metadata.other_checksums = given_checksums(request, &[]);
        }
        let etag = format!("{crc64:016x}{size:016x}-{}", parts.len());
        let modified_milliseconds = now_milliseconds();
        let object = Object { parts, size, crc64, etag: etag.clone(), modified_milliseconds, metadata: Arc::new(metadata) };
        store(state, request, object)?;
        finished = uploads.remove(id);
        (etag, if with_crc64 { checksum_elements(crc64) } else { String::new() })
    };
    drop(finished); // after the lock
    let (bucket, key) = (escape(request.bucket), escape(&request.key));
    let result =
        format!("<Location>/{bucket}/{key}</Location><Bucket>{bucket}</Bucket><Key>{key}</Key><ETag>&quot;{etag}&quot;</ETag>");
    let document =
        format!("{XML_HEAD}<CompleteMultipartUploadResult {NAMESPACE}>{result}{checksum}</CompleteMultipartUploadResult>");
    Ok(Response::xml(OK, document))
}

pub fn abort(state: &State, request: &Request) -> Outcome {
    state.count("AbortMultipartUpload");
    let aborted = {
        let mut uploads = state.uploads.lock().unwrap();
        let id = request.parameter("uploadId").unwrap_or("");
        uploads.get(id).filter(|upload| is_for(upload, request)).ok_or_else(no_such_upload)?;
        uploads.remove(id)
    };
    drop(aborted); // after the lock
    Ok(Response::empty(NO_CONTENT))
}
