//! Reading the value of the METADATA option. Pure; called by whoever sets the option.

/// Most properties of a socket. The handshake has room for 64, and some are ours.
const PROPERTIES_MAX: usize = 48;

/// Most bytes of all names and values. A peer of ours takes 8 KiB of metadata, and some are ours.
const BYTES_MAX: usize = 6 * 1024;

/// Adds the property of `X-NAME:VALUE`, or replaces the one of the same name. Names are compared
/// without regard to case.
// RFC 37 §Connection Metadata: metadata names SHALL be case-insensitive; names starting with "X-"
// SHALL be reserved for application use.
pub(super) fn add(
    properties: &mut Vec<(String, Vec<u8>)>,
    value: &[u8],
) -> Result<(), &'static str> {
    const FORM: &str = "X-NAME:VALUE, the name of letters, digits and -_.+, up to 255 bytes";
    let colon = value.iter().position(|&byte| byte == b':').ok_or(FORM)?;
    let (name, value) = (&value[..colon], &value[colon + 1..]);
    let name_byte = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.+".contains(byte);
    let name = str::from_utf8(name).map_err(|_| FORM)?;
    let stem = name.strip_prefix("X-").or_else(|| name.strip_prefix("x-")).ok_or(FORM)?;
    if stem.is_empty()
        || name.len() > 255
        || value.is_empty()
        || !stem.as_bytes().iter().all(name_byte)
    {
        return Err(FORM);
    }
    let same = properties.iter().position(|(other, _)| other.eq_ignore_ascii_case(name));
    let others = properties.iter().enumerate().filter(|(index, _)| Some(*index) != same);
    let bytes: usize = others.map(|(_, (name, value))| name.len() + value.len()).sum();
    if bytes + name.len() + value.len() > BYTES_MAX {
        return Err("at most 6 KiB of metadata");
    }
    match same {
        Some(index) => properties[index].1 = value.to_vec(),
        None if properties.len() == PROPERTIES_MAX => return Err("at most 48 properties"),
        None => properties.push((name.to_owned(), value.to_vec())),
    }
    Ok(())
}
