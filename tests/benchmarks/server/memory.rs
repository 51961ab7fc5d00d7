//! Bodies in memory: small ones as they are, big ones in chunks that are recycled.
//!
//! A page that the kernel must clear first costs as much as receiving it, so chunks that an overwritten or deleted object leaves
//! behind serve the next one. They are all of one size: clients cut their parts differently, and each can use what another left.

use crate::crc64;
use std::ops::{Deref, DerefMut};
use std::os::raw::{c_int, c_long, c_void};
use std::sync::{Arc, Mutex};

/// One huge page.
const CHUNK: usize = 2 << 20;
/// What is kept for reuse: 6 GiB.
const POOL_CHUNKS: usize = 3072;
/// Smaller bodies, and smaller ends of big ones, get memory of their own size.
const SMALL: usize = 1 << 20;
/// The size of blocks where a body does not tell its own.
const UNTOLD: usize = 64 << 10;

static POOL: Mutex<Vec<Chunk>> = Mutex::new(Vec::new());

extern "C" {
    fn mmap(at: *mut c_void, length: usize, access: c_int, flags: c_int, file: c_int, offset: c_long) -> *mut c_void;
    fn munmap(at: *mut c_void, length: usize) -> c_int;
    fn madvise(at: *mut c_void, length: usize, advice: c_int) -> c_int;
    fn malloc_trim(keep: usize) -> c_int;
}
const READ_WRITE: c_int = 1 | 2;
const PRIVATE_ANONYMOUS: c_int = 0x02 | 0x20;
const HUGE_PAGES: c_int = 14;

/// 2 MiB at an address that one huge page can serve.
struct Chunk(*mut u8);
// Owned like a box.
unsafe impl Send for Chunk {}
unsafe impl Sync for Chunk {}

impl Chunk {
    fn new() -> Chunk {
        if let Some(chunk) = POOL.lock().unwrap().pop() {
            return chunk;
        }
        unsafe {
            let area = mmap(std::ptr::null_mut(), 2 * CHUNK, READ_WRITE, PRIVATE_ANONYMOUS, -1, 0) as usize;
            assert!(area != usize::MAX, "no memory left for bodies");
            let start = (area + CHUNK - 1) / CHUNK * CHUNK;
            if start > area {
                munmap(area as *mut c_void, start - area);
            }
            munmap((start + CHUNK) as *mut c_void, area + CHUNK - start);
            madvise(start as *mut c_void, CHUNK, HUGE_PAGES);
            Chunk(start as *mut u8)
        }
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        unsafe { munmap(self.0 as *mut c_void, CHUNK) };
    }
}

enum Block {
    Own(Vec<u8>),
    /// None only while it is dropped.
    Pooled(Option<Chunk>),
}

impl Block {
    fn new(expected: Option<usize>) -> Block {
        match expected {
            None => Block::Own(vec![0; UNTOLD]),
            Some(bytes) if bytes < SMALL => Block::Own(vec![0; bytes]),
            Some(_) => Block::Pooled(Some(Chunk::new())),
        }
    }
}

impl Deref for Block {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match self {
            Block::Own(bytes) => bytes,
            Block::Pooled(Some(chunk)) => unsafe { std::slice::from_raw_parts(chunk.0, CHUNK) },
            Block::Pooled(None) => &[],
        }
    }
}

impl DerefMut for Block {
    fn deref_mut(&mut self) -> &mut [u8] {
        match self {
            Block::Own(bytes) => bytes,
            Block::Pooled(Some(chunk)) => unsafe { std::slice::from_raw_parts_mut(chunk.0, CHUNK) },
            Block::Pooled(None) => &mut [],
        }
    }
}

impl Drop for Block {
    fn drop(&mut self) {
        if let Block::Pooled(chunk) = self {
            let mut pool = POOL.lock().unwrap();
            if pool.len() < POOL_CHUNKS {
                pool.extend(chunk.take());
            }
        }
    }
}

/// A run of bytes that never changes again, shared by all objects that hold it.
#[derive(Clone)]
pub struct Slice {
    block: Arc<Block>,
    start: usize,
    end: usize,
}

impl Deref for Slice {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        &self.block[self.start..self.end]
    }
}

/// A body as it was received, or cut out of others.
#[derive(Clone, Default)]
pub struct Body {
    pub slices: Vec<Slice>,
    pub size: u64,
    pub crc64: u64,
}

impl Body {
    /// The body that the slices make; reads all of it for the checksum.
    pub fn of(slices: Vec<Slice>) -> Body {
        let size = slices.iter().map(|slice| slice.len() as u64).sum();
        let crc64 = slices.iter().fold(0, |crc64, slice| crc64::update(crc64, slice));
        Body { slices, size, crc64 }
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.slices.iter().flat_map(|slice| slice.iter().copied()).collect()
    }
}

/// The slices that hold `from..to` of a row of slices.
pub fn cut<'a>(slices: impl Iterator<Item = &'a Slice>, from: u64, to: u64) -> Vec<Slice> {
    let (mut found, mut offset) = (Vec::new(), 0);
    for slice in slices {
        let length = slice.len() as u64;
        let (start, end) = (from.max(offset), to.min(offset + length));
        if start < end {
            let at = |position: u64| slice.start + (position - offset) as usize;
            found.push(Slice { block: slice.block.clone(), start: at(start), end: at(end) });
        }
        offset += length;
        if offset >= to {
            break;
        }
    }
    found
}

/// Takes a body as it arrives and computes its checksum while the bytes are still in the processor's cache.
pub struct Sink {
    done: Vec<Slice>,
    block: Option<Block>,
    filled: usize,
    body: Body,
    expected: Option<u64>,
}

impl Sink {
    /// `expected` is the size that the client announced, if it did.
    pub fn new(expected: Option<u64>) -> Sink {
        Sink { done: Vec::new(), block: None, filled: 0, body: Body::default(), expected }
    }

    /// Where the next bytes go, at least one.
    pub fn space(&mut self) -> &mut [u8] {
        if self.block.as_ref().map_or(false, |block| self.filled == block.len()) {
            self.close_block();
        }
        let left = self.expected.and_then(|bytes| bytes.checked_sub(self.body.size)).filter(|&bytes| bytes > 0);
        let filled = self.filled;
        &mut self.block.get_or_insert_with(|| Block::new(left.map(|bytes| bytes as usize)))[filled..]
    }

    /// The first bytes of `space` are now the body's.
    pub fn advance(&mut self, bytes: usize) {
        if let Some(block) = &self.block {
            self.body.crc64 = crc64::update(self.body.crc64, &block[self.filled..self.filled + bytes]);
        }
        self.filled += bytes;
        self.body.size += bytes as u64;
    }

    pub fn finish(mut self) -> Body {
        self.close_block();
        Body { slices: self.done, ..self.body }
    }

    fn close_block(&mut self) {
        if let Some(block) = self.block.take() {
            self.done.push(Slice { block: Arc::new(block), start: 0, end: self.filled });
        }
        self.filled = 0;
    }
}

/// Give what is kept for reuse back to the system.
pub fn trim() {
    let kept = std::mem::take(&mut *POOL.lock().unwrap());
    drop(kept);
    unsafe { malloc_trim(0) };
}
