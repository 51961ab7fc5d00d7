//! ListObjects (both versions), ListMultipartUploads, ListParts.

use crate::handlers::{no_such_bucket, no_such_upload, Failure, Outcome};
use crate::http::{Request, Response, OK};
use crate::multipart::{is_for, CRC64NVME};
use crate::state::{Bucket, Object, State};
use crate::text::{checksum_text, escape, iso_time, percent_encode, NAMESPACE, XML_HEAD};
use std::fmt::Write;
use std::ops::Bound;

const LARGEST_PAGE: u64 = 1000;
/// Behind all keys that begin with what precedes it.
const LAST_CHARACTER: char = '\u{10FFFF}';

/// How keys are written in this listing.
fn spelling(request: &Request) -> fn(&str) -> String {
    match request.parameter("encoding-type") {
        Some("url") => percent_encode,
        _ => escape,
    }
}

fn page_size(request: &Request, name: &str) -> usize {
    request.number(name).unwrap_or(LARGEST_PAGE).min(LARGEST_PAGE) as usize
}

fn page(document: &str, content: String) -> Response {
    Response::xml(OK, format!("{XML_HEAD}<{document} {NAMESPACE}>{content}</{document}>"))
}

/// The entries of one page of ListObjects.
struct Entries {
    contents: String,
    prefixes: String,
    count: usize,
    /// Where the next page begins, if there is one: behind this.
    next: Option<String>,
}

pub fn objects(state: &State, request: &Request) -> Outcome {
    let second_version = request.parameter("list-type") == Some("2");
    state.count(if second_version { "ListObjectsV2" } else { "ListObjects" });
    let spell = spelling(request);
    let prefix = request.parameter("prefix").unwrap_or("");
    let delimiter = request.parameter("delimiter").filter(|text| !text.is_empty());
    let start = start(request, second_version, delimiter);
    let size = page_size(request, "max-keys");
    let entries = {
        let buckets = state.buckets.read().unwrap();
        let bucket = buckets.get(request.bucket).ok_or_else(no_such_bucket)?;
        collect(bucket, prefix, delimiter, start, size, spell)
    };
    let mut content =
        format!("<Name>{}</Name><Prefix>{}</Prefix><MaxKeys>{size}</MaxKeys>", escape(request.bucket), spell(prefix));
    let _ = write!(content, "<IsTruncated>{}</IsTruncated>", entries.next.is_some());
    if let Some(text) = delimiter {
        let _ = write!(content, "<Delimiter>{}</Delimiter>", spell(text));
    }
    if request.parameter("encoding-type") == Some("url") {
        content.push_str("<EncodingType>url</EncodingType>");
    }
    if second_version {
        let _ = write!(content, "<KeyCount>{}</KeyCount>", entries.count);
    }
    match (&entries.next, second_version) {
        (Some(next), true) => {
            let _ = write!(content, "<NextContinuationToken>{}</NextContinuationToken>", percent_encode(next));
        }
        (Some(next), false) => {
            let _ = write!(content, "<NextMarker>{}</NextMarker>", spell(next.trim_end_matches(LAST_CHARACTER)));
        }
        (None, _) => {}
    }
    content.push_str(&entries.contents);
    content.push_str(&entries.prefixes);
    Ok(page("ListBucketResult", content))
}

/// The listing begins behind this.
fn start(request: &Request, second_version: bool, delimiter: Option<&str>) -> String {
    if second_version {
        let token = request.parameter("continuation-token").map(crate::text::percent_decode);
        return token.or_else(|| request.parameter("start-after").map(str::to_string)).unwrap_or_default();
    }
    let marker = request.parameter("marker").unwrap_or("").to_string();
    // A marker that is a common prefix stands for all that begins with it.
    match delimiter {
        Some(text) if marker.ends_with(text) => format!("{marker}{LAST_CHARACTER}"),
        _ => marker,
    }
}

fn collect(
    bucket: &Bucket,
    prefix: &str,
    delimiter: Option<&str>,
    start: String,
    size: usize,
    spell: fn(&str) -> String,
) -> Entries {
    let mut entries = Entries { contents: String::with_capacity(320 * size), prefixes: String::new(), count: 0, next: None };
    let mut last = start;
    let mut from = match last.as_str() > prefix {
        true => Bound::Excluded(last.clone()),
        false => Bound::Included(prefix.to_string()),
    };
    loop {
        let mut skip_to = None;
        for (key, object) in bucket.range((from, Bound::Unbounded)) {
            if !key.starts_with(prefix) {
                return entries;
            }
            if entries.count >= size {
                entries.next = (size > 0).then(|| last);
                return entries;
            }
            entries.count += 1;
            let common =
                delimiter.and_then(|text| key[prefix.len()..].find(text).map(|at| &key[..prefix.len() + at + text.len()]));
            if let Some(common) = common {
                let _ = write!(entries.prefixes, "<CommonPrefixes><Prefix>{}</Prefix></CommonPrefixes>", spell(common));
                skip_to = Some(format!("{common}{LAST_CHARACTER}"));
                break;
            }
            describe(&mut entries.contents, &spell(key), object);
            last.clear();
            last.push_str(key);
        }
        match skip_to {
            None => return entries,
            Some(behind) => {
                last = behind.clone();
                from = Bound::Excluded(behind);
            }
        }
    }
}

/// The elements in the order in which S3 has them.
fn describe(contents: &mut String, key: &str, object: &Object) {
    let (modified, etag, size) = (iso_time(object.modified_milliseconds), &object.etag, object.size);
    let _ = write!(contents, "<Contents><Key>{key}</Key><LastModified>{modified}</LastModified><ETag>&quot;{etag}&quot;</ETag>");
    match object.metadata.other_checksums.first() {
        None => contents.push_str("<ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><ChecksumType>FULL_OBJECT</ChecksumType>"),
        Some((name, _)) => {
            let algorithm = name.trim_start_matches("x-amz-checksum-").to_ascii_uppercase();
            let _ = write!(contents, "<ChecksumAlgorithm>{algorithm}</ChecksumAlgorithm>");
        }
    }
    let _ = write!(contents, "<Size>{size}</Size><StorageClass>STANDARD</StorageClass></Contents>");
}

pub fn uploads(state: &State, request: &Request) -> Outcome {
    state.count("ListMultipartUploads");
    if !state.buckets.read().unwrap().contains_key(request.bucket) {
        return Err(no_such_bucket());
    }
    let spell = spelling(request);
    let prefix = request.parameter("prefix").unwrap_or("");
    let key_marker = request.parameter("key-marker").unwrap_or("");
    let id_marker = request.parameter("upload-id-marker").filter(|_| !key_marker.is_empty());
    let size = page_size(request, "max-uploads");
    let uploads = state.uploads.lock().unwrap();
    let mut found: Vec<_> = uploads
        .iter()
        .map(|(id, upload)| (upload.key.as_str(), id.as_str(), upload))
        .filter(|(key, _, upload)| upload.bucket == request.bucket && key.starts_with(prefix))
        .filter(|(key, id, _)| *key > key_marker || *key == key_marker && id_marker.map_or(false, |marker| *id > marker))
        .collect();
    found.sort_by_key(|(key, id, _)| (*key, *id));
    let truncated = found.len() > size;
    found.truncate(size);
    let mut content = format!("<Bucket>{}</Bucket><KeyMarker>{}</KeyMarker>", escape(request.bucket), spell(key_marker));
    let _ =
        write!(content, "<UploadIdMarker>{}</UploadIdMarker><Prefix>{}</Prefix>", escape(id_marker.unwrap_or("")), spell(prefix));
    if let (true, Some((key, id, _))) = (truncated, found.last()) {
        let _ = write!(content, "<NextKeyMarker>{}</NextKeyMarker><NextUploadIdMarker>{id}</NextUploadIdMarker>", spell(key));
    }
    if request.parameter("encoding-type") == Some("url") {
        content.push_str("<EncodingType>url</EncodingType>");
    }
    let _ = write!(content, "<MaxUploads>{size}</MaxUploads><IsTruncated>{truncated}</IsTruncated>");
    for (key, id, upload) in found {
        let (initiated, algorithm) = (iso_time(upload.initiated_milliseconds), escape(&upload.algorithm));
        let kind = if upload.algorithm == CRC64NVME { "FULL_OBJECT" } else { "COMPOSITE" };
        let _ = write!(
            content,
            "<Upload><Key>{}</Key><UploadId>{id}</UploadId><StorageClass>STANDARD</StorageClass><Initiated>{initiated}</Initiated>\
             <ChecksumAlgorithm>{algorithm}</ChecksumAlgorithm><ChecksumType>{kind}</ChecksumType></Upload>",
            spell(key)
        );
    }
    Ok(page("ListMultipartUploadsResult", content))
}

pub fn parts(state: &State, request: &Request) -> Result<Response, Failure> {
    state.count("ListParts");
    let id = request.parameter("uploadId").unwrap_or("");
    let marker = request.number("part-number-marker").unwrap_or(0).min(u32::MAX as u64) as u32;
    let size = page_size(request, "max-parts");
    let uploads = state.uploads.lock().unwrap();
    let upload = uploads.get(id).filter(|upload| is_for(upload, request)).ok_or_else(no_such_upload)?;
    let mut content = format!("<Bucket>{}</Bucket><Key>{}</Key>", escape(request.bucket), escape(&request.key));
    let _ = write!(
        content,
        "<UploadId>{id}</UploadId><StorageClass>STANDARD</StorageClass><PartNumberMarker>{marker}</PartNumberMarker>"
    );
    let mut rest = upload.parts.range((Bound::Excluded(marker), Bound::Unbounded)).peekable();
    let (mut listed, mut last) = (String::new(), marker);
    for (number, part) in rest.by_ref().take(size) {
        let (modified, etag, bytes) = (iso_time(part.modified_milliseconds), &part.etag, part.body.size);
        let _ = write!(listed, "<Part><PartNumber>{number}</PartNumber><LastModified>{modified}</LastModified>");
        let _ = write!(listed, "<ETag>&quot;{etag}&quot;</ETag><Size>{bytes}</Size>");
        if upload.algorithm == CRC64NVME {
            let _ = write!(listed, "<ChecksumCRC64NVME>{}</ChecksumCRC64NVME>", checksum_text(part.body.crc64));
        }
        listed.push_str("</Part>");
        last = *number;
    }
    let truncated = rest.peek().is_some();
    let _ = write!(
        content,
        "<NextPartNumberMarker>{last}</NextPartNumberMarker><MaxParts>{size}</MaxParts><IsTruncated>{truncated}</IsTruncated>"
    );
    let _ = write!(content, "<ChecksumAlgorithm>{}</ChecksumAlgorithm>", escape(&upload.algorithm));
    let _ = write!(
        content,
        "<ChecksumType>{}</ChecksumType>",
        if upload.algorithm == CRC64NVME { "FULL_OBJECT" } else { "COMPOSITE" }
    );
    content.push_str(&listed);
    Ok(page("ListPartsResult", content))
}
