//! Hexadecimal, two digits an octet, without prefix. Pure functions over octets that any thread
//! may call.

/// Appends the digits of `bytes`, in lower case.
pub(crate) fn encode(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.reserve(bytes.len().saturating_mul(2));
    for byte in bytes {
        out.push(DIGITS[usize::from(byte >> 4)]);
        out.push(DIGITS[usize::from(byte & 15)]);
    }
}

/// The octets of a string of digits, upper or lower case.
///
/// # Errors
/// An odd number of digits, or something that is no digit.
pub(crate) fn decode(digits: &[u8]) -> Result<Vec<u8>, String> {
    if !digits.len().is_multiple_of(2) {
        return Err(format!("{} hexadecimal digits; every octet takes two", digits.len()));
    }
    digits.chunks_exact(2).map(|pair| Ok(value(pair[0])? << 4 | value(pair[1])?)).collect()
}

fn value(digit: u8) -> Result<u8, String> {
    match digit {
        b'0'..=b'9' => Ok(digit - b'0'),
        b'a'..=b'f' => Ok(digit - b'a' + 10),
        b'A'..=b'F' => Ok(digit - b'A' + 10),
        _ => Err(format!(
            "'{}' is no hexadecimal digit; write two digits an octet, such as 6869 for \"hi\"",
            digit.escape_ascii()
        )),
    }
}
