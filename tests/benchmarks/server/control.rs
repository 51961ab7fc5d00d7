//! The benchmark's own requests: below buckets whose names begin with two underscores, over http or https.
//!
//!     /__stats                  counters as JSON
//!     /__zero                   counters to zero
//!     /__delay/MICROSECONDS     wait so long before each answer
//!     /__clear/BUCKET           forget the bucket's objects
//!     /__reset, /__reset/trim   forget all objects and uploads; trim also gives their memory back to the system

use crate::http::{Content, Request, Response, OK};
use crate::memory;
use crate::state::State;
use std::sync::atomic::Ordering::Relaxed;

pub fn control(state: &State, request: &Request) -> Response {
    match (request.bucket, request.key.as_str()) {
        ("__stats", _) => {
            return Response {
                status: OK,
                headers: "Content-Type: application/json\r\n".to_string(),
                content: Content::Text(state.statistics()),
            };
        }
        ("__zero", _) => state.zero(),
        ("__delay", microseconds) => match microseconds.parse() {
            Ok(number) => state.delay_microseconds.store(number, Relaxed),
            Err(_) => return Response::empty("400 Bad Request"),
        },
        ("__clear", bucket) => state.clear(bucket),
        ("__reset", what) => {
            state.reset();
            if what == "trim" {
                memory::trim();
            }
        }
        _ => return Response::empty("404 Not Found"),
    }
    Response::empty(OK)
}
