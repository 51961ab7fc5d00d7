//! TLS for accepted connections: the few functions of OpenSSL that it takes.

use std::ffi::CString;
use std::io;
use std::net::TcpStream;
use std::os::raw::{c_char, c_int, c_long, c_void};
use std::os::unix::io::AsRawFd;

#[link(name = "ssl")]
extern "C" {
    fn TLS_server_method() -> *const c_void;
    fn SSL_CTX_new(method: *const c_void) -> *mut c_void;
    fn SSL_CTX_use_certificate_chain_file(context: *mut c_void, path: *const c_char) -> c_int;
    fn SSL_CTX_use_PrivateKey_file(context: *mut c_void, path: *const c_char, kind: c_int) -> c_int;
    fn SSL_CTX_ctrl(context: *mut c_void, command: c_int, value: c_long, pointer: *mut c_void) -> c_long;
    fn SSL_new(context: *mut c_void) -> *mut c_void;
    fn SSL_set_fd(session: *mut c_void, descriptor: c_int) -> c_int;
    fn SSL_accept(session: *mut c_void) -> c_int;
    fn SSL_read(session: *mut c_void, bytes: *mut c_void, length: c_int) -> c_int;
    fn SSL_write(session: *mut c_void, bytes: *const c_void, length: c_int) -> c_int;
    fn SSL_free(session: *mut c_void);
}

const FILETYPE_PEM: c_int = 1;
const CTRL_MODE: c_int = 33;
const CTRL_SET_READ_AHEAD: c_int = 41;
/// ENABLE_PARTIAL_WRITE | ACCEPT_MOVING_WRITE_BUFFER | AUTO_RETRY
const MODES: c_long = 1 | 2 | 4;

/// The certificate and key; lives as long as the process.
#[derive(Clone, Copy)]
pub struct Context(*mut c_void);
// OpenSSL locks what connections share.
unsafe impl Send for Context {}

impl Context {
    pub fn new(certificate: &str, key: &str) -> Result<Context, String> {
        let (certificate_path, key_path) = (CString::new(certificate).unwrap(), CString::new(key).unwrap());
        unsafe {
            let context = SSL_CTX_new(TLS_server_method());
            if SSL_CTX_use_certificate_chain_file(context, certificate_path.as_ptr()) != 1 {
                return Err(format!("{} is no certificate in PEM", certificate));
            }
            if SSL_CTX_use_PrivateKey_file(context, key_path.as_ptr(), FILETYPE_PEM) != 1 {
                return Err(format!("{} is no key in PEM, or not the certificate's", key));
            }
            SSL_CTX_ctrl(context, CTRL_MODE, MODES, std::ptr::null_mut());
            SSL_CTX_ctrl(context, CTRL_SET_READ_AHEAD, 1, std::ptr::null_mut());
            Ok(Context(context))
        }
    }
}

/// One connection's session; the stream stays the caller's and must outlive it.
pub struct Session(*mut c_void);
// Moved into the thread that serves the connection, never shared.
unsafe impl Send for Session {}

impl Session {
    pub fn accept(context: Context, stream: &TcpStream) -> io::Result<Session> {
        let session = Session(unsafe { SSL_new(context.0) });
        let accepted = unsafe {
            SSL_set_fd(session.0, stream.as_raw_fd());
            SSL_accept(session.0)
        };
        if accepted == 1 {
            Ok(session)
        } else {
            Err(io::Error::new(io::ErrorKind::ConnectionAborted, "no TLS handshake"))
        }
    }

    /// 0 at the end, however the connection ended.
    pub fn read(&mut self, bytes: &mut [u8]) -> usize {
        let length = bytes.len().min(1 << 30) as c_int;
        unsafe { SSL_read(self.0, bytes.as_mut_ptr() as *mut c_void, length) }.max(0) as usize
    }

    pub fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        let written = unsafe { SSL_write(self.0, bytes.as_ptr() as *const c_void, bytes.len().min(1 << 20) as c_int) };
        if written > 0 {
            Ok(written as usize)
        } else {
            Err(io::ErrorKind::BrokenPipe.into())
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        unsafe { SSL_free(self.0) }
    }
}
