//! Rows about security: mechanisms, credentials, keys and who decides on peers. Constants; any
//! thread may read them.

use oxmq_zmtp::{CurvePublicKey, CurveSecretKey};

use super::super::code;
use super::super::row::{Field, Kind, MAX, OptionRow as Row};
use super::super::security::Mechanism;
use super::{from_ms, to_ms};

pub(super) const ROWS: &[Row] = &[
    Row::number(code::PLAIN_SERVER, "PLAIN_SERVER", Kind::Bool, 0)
        .field(Field::Int(
            |o| (o.security.is_server() && o.security.mechanism() == Mechanism::Plain).into(),
            |o, v| o.security.set_plain_server(v == 1),
        ))
        .doc(
            "Serves PLAIN: peers show a user name and a password, which a ZAP handler or an \
             allow-list has to accept. 0 goes back to NULL.",
        ),
    Row::string(code::PLAIN_USERNAME, "PLAIN_USERNAME", 0, 255)
        .field(Field::Octets(
            |o| o.security.username(),
            |o, v| match v {
                [] => o.security.set_null(),
                name => o.security.set_plain_username(name),
            },
        ))
        .doc("The user name of a PLAIN client. Of length zero, goes back to NULL."),
    Row::string(code::PLAIN_PASSWORD, "PLAIN_PASSWORD", 0, 255)
        .field(Field::Octets(
            |o| o.security.password(),
            |o, v| match v {
                [] => o.security.set_null(),
                password => o.security.set_plain_password(password),
            },
        ))
        .doc("The password of a PLAIN client. Of length zero, goes back to NULL."),
    Row::number(code::CURVE_SERVER, "CURVE_SERVER", Kind::Bool, 0)
        .field(Field::Int(
            |o| (o.security.is_server() && o.security.mechanism() == Mechanism::Curve).into(),
            |o, v| o.security.set_curve_server(v == 1),
        ))
        .doc("Serves CURVE with the secret key of CURVE_SECRETKEY. 0 goes back to NULL."),
    Row::key(code::CURVE_PUBLICKEY, "CURVE_PUBLICKEY")
        .field(Field::Key(
            |o| o.security.public_key(),
            |o, v| o.security.set_curve_public_key(CurvePublicKey::from_bytes(*v)),
        ))
        .doc("The public key of a CURVE client."),
    Row::key(code::CURVE_SECRETKEY, "CURVE_SECRETKEY")
        .field(Field::Key(
            |o| o.security.secret_key(),
            |o, v| o.security.set_curve_secret_key(CurveSecretKey::from_bytes(*v)),
        ))
        .doc("The secret key of a CURVE client or server."),
    Row::key(code::CURVE_SERVERKEY, "CURVE_SERVERKEY")
        .field(Field::Key(
            |o| o.security.server_key(),
            |o, v| o.security.set_curve_server_key(CurvePublicKey::from_bytes(*v)),
        ))
        .doc("The public key of the CURVE server to connect to; makes the socket a client."),
    Row::string(code::ZAP_DOMAIN, "ZAP_DOMAIN", 1, 255)
        .field(Field::Octets(|o| &o.security.zap_domain, |o, v| o.security.zap_domain = v.to_vec()))
        .doc(
            "The domain that the ZAP handler is asked about. With NULL, the handler is asked only \
             if there is one, and peers older than ZMTP 3.0 are refused then.",
        ),
    Row::number(code::ZAP_ENFORCE_DOMAIN, "ZAP_ENFORCE_DOMAIN", Kind::Flag, 0)
        .draft()
        .field(Field::Int(
            |o| o.security.zap_enforce_domain.into(),
            |o, v| o.security.zap_enforce_domain = v == 1,
        ))
        .doc(
            "Asks the ZAP handler about sockets with a domain only, and refuses their peers while \
             there is no handler.",
        ),
    Row::int(0, "ZAP_TIMEOUT", (0, MAX), 0)
        .unit("ms")
        .oxmq_only()
        .safe(5_000, "A handler that hangs must not hold up clients for thirty seconds.")
        .field(Field::Int(
            |o| to_ms(o.security.zap_timeout, 0),
            |o, v| o.security.zap_timeout = from_ms(v, 0),
        ))
        .doc(
            "How long a ZAP handler may take before the peer is refused; 0 is as long as \
             HANDSHAKE_IVL.",
        ),
    Row::number(0, "AUTHORITY_REQUIRED", Kind::Bool, 0)
        .oxmq_only()
        .safe(1, "Encryption or a password prompt without anybody who checks lets everybody in.")
        .field(Field::Int(
            |o| o.security.authority_required.into(),
            |o, v| o.security.authority_required = v == 1,
        ))
        .doc(
            "A server of PLAIN or CURVE refuses everybody as long as there is neither a ZAP \
             handler nor an allow-list.",
        ),
];
