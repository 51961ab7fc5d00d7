//! The spellings of S3: XML, percent encoding, base64, and times.

use std::fmt::Write;
use std::time::{SystemTime, UNIX_EPOCH};

pub const XML_HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>";
pub const NAMESPACE: &str = "xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"";
const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Text for an element of XML. Control characters become references, as S3 writes them, though XML 1.0 has none such.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\0'..='\x1f' => {
                let _ = write!(escaped, "&#x{:x};", character as u32);
            }
            _ => escaped.push(character),
        }
    }
    escaped
}

/// The text of an element of XML; a reference that means nothing stays as it is.
pub fn unescape(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find('&') {
        plain.push_str(&rest[..start]);
        rest = &rest[start..];
        let end = rest.find(';').unwrap_or(0);
        match (end > 0).then(|| referred(&rest[1..end])).flatten() {
            Some(character) => {
                plain.push(character);
                rest = &rest[end + 1..];
            }
            None => {
                plain.push('&');
                rest = &rest[1..];
            }
        }
    }
    plain.push_str(rest);
    plain
}

fn referred(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix('x') {
                Some(digits) => u32::from_str_radix(digits, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)
        }
    }
}

/// What stands in each `<name>…</name>` of the document. Elements inside stay as they are; attributes are not understood.
pub fn elements<'a>(document: &'a str, name: &str) -> Vec<&'a str> {
    let (open, close) = (format!("<{}>", name), format!("</{}>", name));
    document.split(&open).skip(1).filter_map(|rest| rest.find(&close).map(|end| &rest[..end])).collect()
}

/// The unescaped text of the first `<name>`.
pub fn element(document: &str, name: &str) -> Option<String> {
    elements(document, name).first().map(|text| unescape(text.trim()))
}

/// As S3 encodes keys in listings with encoding-type=url.
pub fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for &byte in text.as_bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~/*".contains(&byte) {
            encoded.push(byte as char);
        } else {
            let _ = write!(encoded, "%{:02X}", byte);
        }
    }
    encoded
}

/// A path's or header's text: a plus sign is a plus sign.
pub fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|digits| std::str::from_utf8(digits).ok());
        match hex.filter(|_| bytes[at] == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                at += 3;
            }
            None => {
                decoded.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8(decoded).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

/// A query's text: a plus sign is a space.
pub fn query_decode(text: &str) -> String {
    percent_decode(&text.replace('+', " "))
}

/// The checksum as S3 writes it: eight bytes, the highest first, in base64.
pub fn checksum_text(checksum: u64) -> String {
    let mut text = String::with_capacity(12);
    for group in checksum.to_be_bytes().chunks(3) {
        let bits = group.iter().enumerate().fold(0u32, |bits, (place, &byte)| bits | (byte as u32) << (16 - 8 * place));
        for place in 0..4 {
            let digit = BASE64[(bits >> (18 - 6 * place) & 63) as usize] as char;
            text.push(if place <= group.len() { digit } else { '=' });
        }
    }
    text
}

/// The bytes of base64 in hexadecimal, as an ETag writes Content-MD5; None if it is no base64.
pub fn base64_to_hex(text: &str) -> Option<String> {
    let (mut bits, mut count, mut hex) = (0u32, 0, String::with_capacity(32));
    for byte in text.trim_end_matches('=').bytes() {
        bits = bits << 6 | BASE64.iter().position(|&digit| digit == byte)? as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            let _ = write!(hex, "{:02x}", bits >> count & 255);
        }
    }
    Some(hex)
}

pub fn now_milliseconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// Year, month, day: Howard Hinnant's civil_from_days.
fn date(milliseconds: u64) -> (u64, usize, u64) {
    let days = milliseconds / 86_400_000 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month as usize, day)
}

fn clock(milliseconds: u64) -> (u64, u64, u64) {
    let seconds = milliseconds / 1000;
    (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60)
}

/// As in XML: 2026-01-31T23:59:59.000Z
pub fn iso_time(milliseconds: u64) -> String {
    let ((year, month, day), (hour, minute, second)) = (date(milliseconds), clock(milliseconds));
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", milliseconds % 1000)
}

/// As in headers: Sat, 31 Jan 2026 23:59:59 GMT
pub fn http_time(milliseconds: u64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let ((year, month, day), (hour, minute, second)) = (date(milliseconds), clock(milliseconds));
    let weekday = DAYS[(milliseconds / 86_400_000 % 7) as usize];
    format!("{weekday}, {day:02} {} {year:04} {hour:02}:{minute:02}:{second:02} GMT", MONTHS[month - 1])
}
