//! The metadata dictionary of a connection: what READY carries.
//!
//! A `Metadata` owns one block of octets in wire form that is known to be valid, so encoding is a
//! copy and a lookup walks the block. It is a plain value; share it between threads as you like.

use crate::error::MetadataFault;
use crate::limits::{
    METADATA_BYTES_MAX, METADATA_PROPERTIES_MAX, PROPERTY_NAME_BYTES_MAX, PROPERTY_VALUE_BYTES_MAX,
};

/// An ordered list of properties (name, value) with names that differ in more than case.
///
/// Memory: the octets of the wire form, at most 8 KiB, in one allocation; none when empty.
///
/// ```
/// use oxmq_zmtp::Metadata;
///
/// let mut metadata = Metadata::new();
/// metadata.push("X-Shard", b"7").unwrap();
/// assert_eq!(metadata.get("x-shard"), Some(&b"7"[..]));
/// assert_eq!(metadata.as_bytes(), b"\x07X-Shard\x00\x00\x00\x017");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// Valid properties in wire form, one behind the other, at most `METADATA_BYTES_MAX`.
    block: Vec<u8>,
}

impl Metadata {
    /// An empty dictionary.
    pub const fn new() -> Metadata {
        Metadata { block: Vec::new() }
    }

    /// Reads a dictionary that fills `block` exactly.
    ///
    /// # Errors
    ///
    /// [`MetadataFault`]: over 8 KiB or 64 properties, a name that is empty, has other characters
    /// than `A-Z a-z 0-9 - _ . +` or comes twice, a value of 2^31 octets or more or one that runs
    /// past the end.
    pub fn parse(block: &[u8]) -> Result<Metadata, MetadataFault> {
        if block.len() > METADATA_BYTES_MAX {
            return Err(MetadataFault::TooLarge);
        }
        let mut rest = block;
        let mut count = 0;
        while !rest.is_empty() {
            if count == METADATA_PROPERTIES_MAX {
                return Err(MetadataFault::TooManyProperties);
            }
            let property = split_property(rest)?;
            check_name(property.name)?;
            let seen = Properties { rest: &block[..block.len() - rest.len()] };
            if contains(seen, property.name) {
                return Err(MetadataFault::Duplicate);
            }
            rest = property.rest;
            count += 1;
        }
        Ok(Metadata { block: block.to_vec() })
    }

    /// Adds a property at the end.
    ///
    /// # Errors
    ///
    /// [`MetadataFault`] for the same reasons as [`parse`](Self::parse); the dictionary is then
    /// unchanged.
    pub fn push(&mut self, name: &str, value: &[u8]) -> Result<(), MetadataFault> {
        check_name(name.as_bytes())?;
        let name_len = u8::try_from(name.len()).map_err(|_| MetadataFault::NameTooLong)?;
        let value_len = u32::try_from(value.len()).map_err(|_| MetadataFault::ValueTooLarge)?;
        let size = 1 + name.len() + 4 + value.len();
        if size > METADATA_BYTES_MAX - self.block.len() {
            return Err(MetadataFault::TooLarge);
        }
        if self.len() == METADATA_PROPERTIES_MAX {
            return Err(MetadataFault::TooManyProperties);
        }
        if contains(self.properties(), name.as_bytes()) {
            return Err(MetadataFault::Duplicate);
        }
        self.block.reserve(size);
        self.block.push(name_len);
        self.block.extend_from_slice(name.as_bytes());
        self.block.extend_from_slice(&value_len.to_be_bytes());
        self.block.extend_from_slice(value);
        Ok(())
    }

    /// The value of the property called `name`, in whatever case.
    // RFC 37 §Connection Metadata: names SHALL be case-insensitive.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.properties()
            .find(|(known, _)| known.eq_ignore_ascii_case(name.as_bytes()))
            .map(|(_, value)| value)
    }

    /// The properties in the order in which they were sent, with names in the sender's spelling.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        // A name is ASCII once it is in the block, so no property is left out here.
        self.properties().filter_map(|(name, value)| Some((str::from_utf8(name).ok()?, value)))
    }

    /// The number of properties, at most 64.
    pub fn len(&self) -> usize {
        self.properties().count()
    }

    /// Whether there is no property.
    pub fn is_empty(&self) -> bool {
        self.block.is_empty()
    }

    /// The dictionary in wire form.
    pub fn as_bytes(&self) -> &[u8] {
        &self.block
    }

    fn properties(&self) -> Properties<'_> {
        Properties { rest: &self.block }
    }
}

/// Walks a block that is known to be valid; on any other it stops early.
struct Properties<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Properties<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let property = split_property(self.rest).ok()?;
        self.rest = property.rest;
        Some((property.name, property.value))
    }
}

fn contains(mut properties: Properties<'_>, name: &[u8]) -> bool {
    properties.any(|(known, _)| known.eq_ignore_ascii_case(name))
}

/// The first property of a block and what follows it.
struct Property<'a> {
    name: &'a [u8],
    value: &'a [u8],
    rest: &'a [u8],
}

/// Splits the first property off `block`. Sizes are compared, never added.
fn split_property(block: &[u8]) -> Result<Property<'_>, MetadataFault> {
    let (&name_len, rest) = block.split_first().ok_or(MetadataFault::Truncated)?;
    let (name, rest) =
        rest.split_at_checked(usize::from(name_len)).ok_or(MetadataFault::Truncated)?;
    let (value_len, rest) = rest.split_first_chunk::<4>().ok_or(MetadataFault::Truncated)?;
    // RFC 37 §The NULL Security Mechanism: four octets in network order, at most 2^31 - 1.
    let value_len = u32::from_be_bytes(*value_len);
    if value_len > PROPERTY_VALUE_BYTES_MAX {
        return Err(MetadataFault::ValueTooLarge);
    }
    let value_len = usize::try_from(value_len).map_err(|_| MetadataFault::ValueTooLarge)?;
    let (value, rest) = rest.split_at_checked(value_len).ok_or(MetadataFault::Truncated)?;
    Ok(Property { name, value, rest })
}

fn check_name(name: &[u8]) -> Result<(), MetadataFault> {
    // RFC 37 §The NULL Security Mechanism: a name SHALL be 1 to 255 characters.
    if name.is_empty() {
        return Err(MetadataFault::NameEmpty);
    }
    if name.len() > PROPERTY_NAME_BYTES_MAX {
        return Err(MetadataFault::NameTooLong);
    }
    let permitted = |c: &u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_' | b'.' | b'+');
    if name.iter().all(permitted) { Ok(()) } else { Err(MetadataFault::NameInvalid) }
}
