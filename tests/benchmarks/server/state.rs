//! Everything the server keeps: objects by bucket and key, unfinished uploads, counters.

use crate::memory::{Body, Slice};
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, RwLock};

const BUCKETS: [&str; 4] = ["b1", "b2", "bench1", "bench2"];

/// What a client said about an object, given back with it.
#[derive(Clone, Default)]
pub struct Metadata {
    /// Lower-case names of headers with their values.
    pub headers: Vec<(String, String)>,
    /// Checksum headers of other kinds than CRC64NVME: kept and given back, not checked. Objects without have CRC64NVME.
    pub other_checksums: Vec<(String, String)>,
}

/// An object; `parts` as it was uploaded, one if by a PUT.
#[derive(Clone)]
pub struct Object {
    pub parts: Vec<Body>,
    pub size: u64,
    pub crc64: u64,
    pub etag: String,
    pub modified_milliseconds: u64,
    pub metadata: Arc<Metadata>,
}

impl Object {
    pub fn slices(&self) -> impl Iterator<Item = &Slice> {
        self.parts.iter().flat_map(|part| part.slices.iter())
    }
}

pub type Bucket = BTreeMap<String, Arc<Object>>;

pub struct Part {
    pub body: Body,
    pub etag: String,
    pub modified_milliseconds: u64,
}

pub struct Upload {
    pub bucket: String,
    pub key: String,
    pub initiated_milliseconds: u64,
    /// CRC64NVME, the default, or what the client asked for.
    pub algorithm: String,
    pub metadata: Metadata,
    pub parts: BTreeMap<u32, Part>,
}

/// Uploads are locked before buckets wherever both are.
#[derive(Default)]
pub struct State {
    pub buckets: RwLock<HashMap<String, Bucket>>,
    pub uploads: Mutex<BTreeMap<String, Upload>>,
    pub delay_microseconds: AtomicU64,
    uploads_made: AtomicU64,
    requests: Mutex<BTreeMap<&'static str, u64>>,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    connections: AtomicU64,
}

impl State {
    pub fn new() -> State {
        let state = State::default();
        state.buckets.write().unwrap().extend(BUCKETS.iter().map(|name| (name.to_string(), Bucket::new())));
        state
    }

    /// Ids in the order in which the uploads were made.
    pub fn next_upload_id(&self) -> String {
        format!("upload-{:012}", self.uploads_made.fetch_add(1, Relaxed))
    }

    pub fn count(&self, operation: &'static str) {
        *self.requests.lock().unwrap().entry(operation).or_insert(0) += 1;
    }

    pub fn count_bytes(&self, received: u64, sent: u64) {
        self.bytes_in.fetch_add(received, Relaxed);
        self.bytes_out.fetch_add(sent, Relaxed);
    }

    pub fn count_connection(&self) {
        self.connections.fetch_add(1, Relaxed);
    }

    /// The counters as JSON: requests by operation, bytes of bodies, connections that carried one, uploads not finished.
    pub fn statistics(&self) -> String {
        let mut fields: Vec<(String, u64)> =
            self.requests.lock().unwrap().iter().map(|(operation, &count)| (operation.to_string(), count)).collect();
        fields.push(("bytes_in".to_string(), self.bytes_in.load(Relaxed)));
        fields.push(("bytes_out".to_string(), self.bytes_out.load(Relaxed)));
        fields.push(("connections".to_string(), self.connections.load(Relaxed)));
        fields.push(("uploads_open".to_string(), self.uploads.lock().unwrap().len() as u64));
        let written: Vec<String> = fields.iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
        format!("{{{}}}", written.join(", "))
    }

    pub fn zero(&self) {
        self.requests.lock().unwrap().clear();
        for counter in [&self.bytes_in, &self.bytes_out, &self.connections] {
            counter.store(0, Relaxed);
        }
    }

    /// Empty one bucket; it exists afterwards.
    pub fn clear(&self, bucket: &str) {
        let emptied = self.buckets.write().unwrap().insert(bucket.to_string(), Bucket::new());
        drop(emptied);
    }

    /// Forget all objects and uploads; the buckets stay.
    pub fn reset(&self) {
        let uploads = std::mem::take(&mut *self.uploads.lock().unwrap());
        let buckets: Vec<Bucket> = self.buckets.write().unwrap().values_mut().map(std::mem::take).collect();
        drop((uploads, buckets));
    }
}
