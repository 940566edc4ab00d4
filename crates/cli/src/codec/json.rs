//! Messages as JSON: `{"parts":["text",{"hex":"00ff"}],"peer":"tcp://..","metadata":{..}}`. A part
//! that is not UTF-8 is written as hexadecimal; every other one as a string. Pure functions over
//! octets that any thread may call.

use serde_json::{Map, Value};

use super::{About, Parts, hex};

/// How a message is written, for error messages.
const FORM: &str = "write {\"parts\":[\"text\",{\"hex\":\"00ff\"}]}, [\"text\",..] or \"text\"";

/// Appends one message, without a line end.
pub(super) fn encode(parts: &[&[u8]], about: &About, out: &mut Vec<u8>) {
    let mut object = Map::new();
    object.insert("parts".to_owned(), parts.iter().map(|part| part_value(part)).collect());
    if !about.peer.is_empty() {
        object.insert("peer".to_owned(), Value::from(about.peer.as_str()));
    }
    if !about.metadata.is_empty() {
        let pairs = about.metadata.iter().map(|(name, value)| (name.clone(), value.clone().into()));
        object.insert("metadata".to_owned(), Value::Object(pairs.collect()));
    }
    out.extend_from_slice(Value::Object(object).to_string().as_bytes());
}

/// A part as it stands in JSON.
pub(crate) fn part_value(part: &[u8]) -> Value {
    if let Ok(text) = str::from_utf8(part) {
        return Value::from(text);
    }
    let mut digits = Vec::new();
    hex::encode(part, &mut digits);
    let digits = String::from_utf8_lossy(&digits).into_owned();
    Value::Object(Map::from_iter([("hex".to_owned(), Value::from(digits))]))
}

/// Reads one message. Members other than `parts` are passed over, so that what was written by
/// one command can be sent by another.
///
/// # Errors
/// What is wrong, and the form.
pub(super) fn decode(line: &[u8]) -> Result<Parts, String> {
    let value: Value =
        serde_json::from_slice(line).map_err(|error| format!("not JSON ({error}); {FORM}"))?;
    let parts = match &value {
        Value::Object(object) => object.get("parts").unwrap_or(&Value::Null),
        other => other,
    };
    match parts {
        Value::String(text) => Ok(vec![text.clone().into_bytes()]),
        Value::Array(parts) if parts.is_empty() => Err(format!("a message has a part; {FORM}")),
        Value::Array(parts) => parts.iter().map(part).collect(),
        _ => Err(format!("no parts; {FORM}")),
    }
}

fn part(value: &Value) -> Result<Vec<u8>, String> {
    match value {
        Value::String(text) => Ok(text.clone().into_bytes()),
        Value::Object(object) => match object.get("hex") {
            Some(Value::String(digits)) => hex::decode(digits.as_bytes()),
            _ => Err(format!("a part without \"hex\"; {FORM}")),
        },
        _ => Err(format!("a part that is neither string nor object; {FORM}")),
    }
}
