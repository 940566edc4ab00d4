//! The reply of a ZAP handler, read strictly. Pure functions.

use super::{ZAP_REQUEST_ID, ZAP_VERSION, ZapFault, ZapStatus, ZapVerdict};
use crate::limits::{ZAP_STATUS_TEXT_BYTES_MAX, ZAP_USER_ID_BYTES_MAX};
use crate::metadata::Metadata;

/// Reads the reply of a ZAP handler: six frames behind the empty delimiter, which is not among
/// them here.
///
/// Never fails: a reply that does not follow RFC 27 is a verdict too. Copies at most 255 octets of
/// user id and 8 KiB of metadata, whatever the handler sent.
pub fn parse_zap_reply(frames: &[&[u8]]) -> ZapVerdict {
    match read(frames) {
        Ok(verdict) => verdict,
        Err(fault) => ZapVerdict::Faulty(fault),
    }
}

fn read(frames: &[&[u8]]) -> Result<ZapVerdict, ZapFault> {
    // RFC 27 §The ZAP Protocol (reply): version, request id, status code, status text, user id,
    // metadata.
    let [version, request_id, status, text, user_id, metadata] = *frames else {
        return Err(ZapFault::Malformed);
    };
    if version != ZAP_VERSION {
        return Err(ZapFault::Version);
    }
    // RFC 27 §The ZAP Protocol: the request id SHALL be that of the request.
    if request_id != ZAP_REQUEST_ID {
        return Err(ZapFault::RequestId);
    }
    if status != b"200" {
        let status = ZapStatus::from_digits(status).ok_or(ZapFault::Status)?;
        return Ok(ZapVerdict::Denied(status));
    }
    if text.len() > ZAP_STATUS_TEXT_BYTES_MAX || user_id.len() > ZAP_USER_ID_BYTES_MAX {
        return Err(ZapFault::Malformed);
    }
    let metadata = Metadata::parse(metadata).map_err(|_| ZapFault::Metadata)?;
    Ok(ZapVerdict::Granted { user_id: user_id.to_vec(), metadata })
}
