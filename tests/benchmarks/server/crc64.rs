//! CRC-64/NVME, the checksum S3 calls CRC64NVME: by carry-less multiplication where the processor has it, by tables elsewhere.
//!
//! The constants are computed from the polynomial when this is compiled, so that none has to be trusted.

/// The polynomial, its lowest degree in the highest bit.
const POLYNOMIAL: u64 = 0x9A6C_9329_AC4B_C9B5;
/// The polynomial 1 in the same order of bits.
const ONE: u64 = 1 << 63;
/// Below this the set-up costs more than it saves.
const WORTH_FOLDING: usize = 128;

const TABLES: [[u64; 256]; 8] = tables();

const fn times_x(value: u64) -> u64 {
    (value >> 1) ^ if value & 1 == 1 { POLYNOMIAL } else { 0 }
}

/// x to the power modulo the polynomial.
const fn power_of_x(power: u32) -> u64 {
    let mut value = ONE;
    let mut done = 0;
    while done < power {
        value = times_x(value);
        done += 1;
    }
    value
}

const fn tables() -> [[u64; 256]; 8] {
    let mut tables = [[0; 256]; 8];
    let mut byte = 0;
    while byte < 256 {
        let mut value = byte as u64;
        let mut bit = 0;
        while bit < 8 {
            value = times_x(value);
            bit += 1;
        }
        tables[0][byte] = value;
        byte += 1;
    }
    let mut table = 1;
    while table < 8 {
        byte = 0;
        while byte < 256 {
            let before = tables[table - 1][byte];
            tables[table][byte] = (before >> 8) ^ tables[0][(before & 255) as usize];
            byte += 1;
        }
        table += 1;
    }
    tables
}

/// The checksum of `before` (0 for nothing) followed by `data`.
pub fn update(before: u64, data: &[u8]) -> u64 {
    !advance(!before, data)
}

/// The checksum of two runs of bytes, one after the other, from the checksum of each.
pub fn combine(first: u64, second: u64, second_bytes: u64) -> u64 {
    let mut shifted = first;
    let mut square = power_of_x(8);
    let mut left = second_bytes;
    while left > 0 {
        if left & 1 == 1 {
            shifted = multiply(shifted, square);
        }
        square = multiply(square, square);
        left >>= 1;
    }
    shifted ^ second
}

fn multiply(a: u64, b: u64) -> u64 {
    let (mut product, mut shifted) = (0, b);
    for bit in (0..64).rev() {
        if a >> bit & 1 == 1 {
            product ^= shifted;
        }
        shifted = times_x(shifted);
    }
    product
}

fn advance(state: u64, data: &[u8]) -> u64 {
    #[cfg(target_arch = "x86_64")]
    if data.len() >= WORTH_FOLDING && is_x86_feature_detected!("pclmulqdq") {
        return unsafe { folding::advance(state, data) };
    }
    advance_by_tables(state, data)
}

fn advance_by_tables(mut state: u64, data: &[u8]) -> u64 {
    let mut words = data.chunks_exact(8);
    for word in &mut words {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(word);
        let mixed = (state ^ u64::from_le_bytes(bytes)).to_le_bytes();
        state = 0;
        for (place, &byte) in mixed.iter().enumerate() {
            state ^= TABLES[7 - place][byte as usize];
        }
    }
    for &byte in words.remainder() {
        state = (state >> 8) ^ TABLES[0][((state ^ byte as u64) & 255) as usize];
    }
    state
}

#[cfg(target_arch = "x86_64")]
mod folding {
    use super::{advance_by_tables, power_of_x};
    use std::arch::x86_64::*;

    /// What moves 16 bytes `distance` bits ahead: one factor for each half. A carry-less product of two mirrored polynomials
    /// comes out times x, hence the power that is one lower.
    const fn factors(distance: u32) -> (u64, u64) {
        (power_of_x(distance + 63), power_of_x(distance - 1))
    }
    const BY_64_BYTES: (u64, u64) = factors(512);
    const BY_16_BYTES: (u64, u64) = factors(128);

    /// At least 64 bytes.
    #[target_feature(enable = "pclmulqdq,sse2")]
    pub unsafe fn advance(state: u64, data: &[u8]) -> u64 {
        let four_lanes = pair(BY_64_BYTES);
        let mut blocks = data.chunks_exact(64);
        let first = blocks.next().unwrap();
        let mut lanes = [load(first, 0), load(first, 1), load(first, 2), load(first, 3)];
        lanes[0] = _mm_xor_si128(lanes[0], _mm_set_epi64x(0, state as i64));
        for block in &mut blocks {
            for (number, lane) in lanes.iter_mut().enumerate() {
                *lane = fold(*lane, four_lanes, load(block, number));
            }
        }
        let one_lane = pair(BY_16_BYTES);
        let mut folded = lanes[0];
        for &lane in &lanes[1..] {
            folded = fold(folded, one_lane, lane);
        }
        let mut rest = blocks.remainder().chunks_exact(16);
        for block in &mut rest {
            folded = fold(folded, one_lane, load(block, 0));
        }
        let mut last = [0; 16];
        _mm_storeu_si128(last.as_mut_ptr() as *mut __m128i, folded);
        advance_by_tables(advance_by_tables(0, &last), rest.remainder())
    }

    #[inline]
    #[target_feature(enable = "pclmulqdq,sse2")]
    unsafe fn fold(lane: __m128i, factors: __m128i, next: __m128i) -> __m128i {
        let low = _mm_clmulepi64_si128::<0x00>(lane, factors);
        let high = _mm_clmulepi64_si128::<0x11>(lane, factors);
        _mm_xor_si128(_mm_xor_si128(low, high), next)
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    unsafe fn pair((low, high): (u64, u64)) -> __m128i {
        _mm_set_epi64x(high as i64, low as i64)
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    unsafe fn load(block: &[u8], number: usize) -> __m128i {
        _mm_loadu_si128(block.as_ptr().add(16 * number) as *const __m128i)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same bytes each time: a linear congruential generator.
    fn noise(length: usize) -> Vec<u8> {
        let mut state = 42u64;
        let mut next = || {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            (state >> 56) as u8
        };
        (0..length).map(|_| next()).collect()
    }

    #[test]
    fn the_catalogue_s_check_value() {
        assert_eq!(update(0, b"123456789"), 0xAE8B_1486_0A79_9888);
        assert_eq!(update(0, b""), 0);
    }

    #[test]
    fn folding_and_tables_agree_at_every_length_and_state() {
        let data = noise(70_000);
        for length in (0..1100).chain([4096, 10_240, 65_536, 69_999]) {
            for start in [0, 1, 7] {
                let part = &data[start..start + length.min(data.len() - start)];
                for state in [0, !0, 0x0123_4567_89AB_CDEF] {
                    assert_eq!(advance(state, part), advance_by_tables(state, part), "{} bytes", length);
                }
            }
        }
    }

    #[test]
    fn a_cut_anywhere_combines_to_the_whole() {
        let data = noise(3000);
        for cut in [0, 1, 8, 63, 64, 1000, 2999, 3000] {
            let (first, second) = data.split_at(cut);
            let whole = update(0, &data);
            assert_eq!(update(update(0, first), second), whole);
            assert_eq!(combine(update(0, first), update(0, second), second.len() as u64), whole);
        }
    }
}
