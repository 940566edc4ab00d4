//! Z85 (RFC 32): four octets as five printable characters, as keys are written. Pure functions.

/// The characters by value.
// RFC 32 §Formal Specification: Z85 SHALL use these characters in this order.
const CHARACTERS: &[u8; 85] =
    b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#";

/// The values by character; `NONE` for a character that Z85 does not have.
const VALUES: [u8; 256] = values();
const NONE: u8 = 0xFF;

const fn values() -> [u8; 256] {
    let mut values = [NONE; 256];
    let mut value = 0;
    while value < CHARACTERS.len() {
        values[CHARACTERS[value] as usize] = value as u8;
        value += 1;
    }
    values
}

/// Four octets as five characters.
pub fn encode_group(octets: [u8; 4]) -> [u8; 5] {
    let mut number = u32::from_be_bytes(octets);
    let mut text = [0; 5];
    for place in text.iter_mut().rev() {
        *place = CHARACTERS[(number % 85) as usize];
        number /= 85;
    }
    text
}

/// Five characters as four octets; `None` when one of them is not of Z85 or the number they write
/// is 2^32 or more.
pub fn decode_group(text: [u8; 5]) -> Option<[u8; 4]> {
    let mut number: u32 = 0;
    for character in text {
        let value = VALUES[usize::from(character)];
        if value == NONE {
            return None;
        }
        number = number.checked_mul(85)?.checked_add(u32::from(value))?;
    }
    Some(number.to_be_bytes())
}

/// `data` as text, a quarter longer; `None` unless its length is a multiple of 4.
///
/// ```
/// use oxmq_zmtp::z85;
///
/// let data = [0x86, 0x4F, 0xD2, 0x6F, 0xB5, 0x59, 0xF7, 0x5B];
/// assert_eq!(z85::encode(&data).as_deref(), Some("HelloWorld"));
/// ```
// RFC 32 §Formal Specification: the binary frame SHALL have a length that is divisible by 4.
pub fn encode(data: &[u8]) -> Option<String> {
    let (groups, []) = data.as_chunks::<4>() else { return None };
    Some(groups.iter().flat_map(|group| encode_group(*group)).map(char::from).collect())
}

/// The octets that `text` writes; `None` unless its length is a multiple of 5 and every group is
/// valid.
// RFC 32 §Formal Specification: the string frame SHALL have a length that is divisible by 5.
pub fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let (groups, []) = text.as_chunks::<5>() else { return None };
    let mut data = Vec::with_capacity(4 * groups.len());
    for group in groups {
        data.extend_from_slice(&decode_group(*group)?);
    }
    Some(data)
}

/// A key of 32 octets as 40 characters; `None` for anything else.
pub(crate) fn decode_key(text: &[u8]) -> Option<[u8; 32]> {
    let (groups, []) = text.as_chunks::<5>() else { return None };
    let mut key = [0; 32];
    let (places, _) = key.as_chunks_mut::<4>();
    if groups.len() != places.len() {
        return None;
    }
    for (place, group) in places.iter_mut().zip(groups) {
        *place = decode_group(*group)?;
    }
    Some(key)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_rfc_and_the_edges_of_a_group() {
        // RFC 32 §Test Cases.
        assert_eq!(encode(b"\x86\x4F\xD2\x6F\xB5\x59\xF7\x5B").unwrap(), "HelloWorld");
        assert_eq!(decode(b"HelloWorld").unwrap(), b"\x86\x4F\xD2\x6F\xB5\x59\xF7\x5B");
        assert_eq!(encode(&[0; 4]).unwrap(), "00000");
        assert_eq!(encode(&[0xFF; 4]).unwrap(), "%nSc0");
        assert_eq!(decode(b"%nSc0").unwrap(), [0xFF; 4]);
        assert_eq!(encode(b"").unwrap(), "");
        assert_eq!(decode(b"").unwrap(), b"");
    }

    #[test]
    fn lengths_characters_and_numbers_out_of_range_are_refused() {
        for length in 0..20 {
            assert_eq!(encode(&vec![1; length]).is_some(), length % 4 == 0, "{length}");
            assert_eq!(decode(&vec![b'1'; length]).is_some(), length % 5 == 0, "{length}");
            assert_eq!(decode_key(&vec![b'1'; 5 * length]).is_some(), length == 8, "{length}");
        }
        for text in [&b"%nSc1"[..], b"#####", b"00000#####"] {
            assert_eq!(decode(text), None, "{}", text.escape_ascii());
        }
        for character in 0..=255 {
            let known = CHARACTERS.contains(&character);
            assert_eq!(decode(&[b'0', b'0', character, b'0', b'0']).is_some(), known);
        }
    }

    #[test]
    fn every_group_comes_back() {
        let mut number: u32 = 1;
        for _ in 0..10_000 {
            number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            assert_eq!(
                decode_group(encode_group(number.to_be_bytes())),
                Some(number.to_be_bytes())
            );
        }
    }
}
