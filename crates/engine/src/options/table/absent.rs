//! Rows of options whose feature does not exist yet. Setting or reading one fails and says what is
//! missing; none is accepted and forgotten.

use super::super::code;
use super::super::row::{Kind, MAX, OptionRow as Row};

const PLAIN: &str = "PLAIN mechanism";
const CURVE: &str = "CURVE mechanism";
const GSSAPI: &str = "GSSAPI mechanism";
const ZAP: &str = "ZAP authentication";
const SOCKS: &str = "SOCKS client";
const MULTICAST: &str = "multicast transport";
const VMCI: &str = "VMCI transport";
const WSS: &str = "wss transport";
const NORM: &str = "NORM transport";
const FASTPATH: &str = "Windows loopback fast path";
const BATCHES: &str = "settable batch size";

pub(super) const ROWS: &[Row] = &[
    Row::number(code::PLAIN_SERVER, "PLAIN_SERVER", Kind::Bool, 0)
        .not_built(PLAIN)
        .doc("Serves the PLAIN mechanism."),
    Row::text(code::PLAIN_USERNAME, "PLAIN_USERNAME", 255)
        .not_built(PLAIN)
        .doc("The user name of a PLAIN client."),
    Row::text(code::PLAIN_PASSWORD, "PLAIN_PASSWORD", 255)
        .not_built(PLAIN)
        .doc("The password of a PLAIN client."),
    Row::number(code::CURVE_SERVER, "CURVE_SERVER", Kind::Bool, 0)
        .not_built(CURVE)
        .doc("Serves the CURVE mechanism."),
    Row::bytes(code::CURVE_PUBLICKEY, "CURVE_PUBLICKEY", 32, 41)
        .not_built(CURVE)
        .doc("The socket's own public key, in 32 bytes or Z85."),
    Row::bytes(code::CURVE_SECRETKEY, "CURVE_SECRETKEY", 32, 41)
        .not_built(CURVE)
        .doc("The socket's own secret key, in 32 bytes or Z85."),
    Row::bytes(code::CURVE_SERVERKEY, "CURVE_SERVERKEY", 32, 41)
        .not_built(CURVE)
        .doc("The public key of the server to connect to, in 32 bytes or Z85."),
    Row::text(code::ZAP_DOMAIN, "ZAP_DOMAIN", 255)
        .not_built(ZAP)
        .doc("The domain that the ZAP handler is asked about."),
    Row::number(code::ZAP_ENFORCE_DOMAIN, "ZAP_ENFORCE_DOMAIN", Kind::Bool, 0)
        .draft()
        .not_built(ZAP)
        .doc("Asks the ZAP handler only about sockets that have a domain."),
    Row::number(code::GSSAPI_SERVER, "GSSAPI_SERVER", Kind::Bool, 0)
        .not_built(GSSAPI)
        .doc("Serves the GSSAPI mechanism."),
    Row::text(code::GSSAPI_PRINCIPAL, "GSSAPI_PRINCIPAL", 255)
        .not_built(GSSAPI)
        .doc("The socket's own principal."),
    Row::text(code::GSSAPI_SERVICE_PRINCIPAL, "GSSAPI_SERVICE_PRINCIPAL", 255)
        .not_built(GSSAPI)
        .doc("The principal of the server to connect to."),
    Row::number(code::GSSAPI_PLAINTEXT, "GSSAPI_PLAINTEXT", Kind::Bool, 0)
        .not_built(GSSAPI)
        .doc("Authenticates without encrypting."),
    Row::int(code::GSSAPI_PRINCIPAL_NAMETYPE, "GSSAPI_PRINCIPAL_NAMETYPE", (0, 2), 0)
        .not_built(GSSAPI)
        .doc("The form of GSSAPI_PRINCIPAL."),
    Row::int(
        code::GSSAPI_SERVICE_PRINCIPAL_NAMETYPE,
        "GSSAPI_SERVICE_PRINCIPAL_NAMETYPE",
        (0, 2),
        0,
    )
    .not_built(GSSAPI)
    .doc("The form of GSSAPI_SERVICE_PRINCIPAL."),
    Row::text(code::SOCKS_PROXY, "SOCKS_PROXY", 255)
        .not_built(SOCKS)
        .doc("The SOCKS5 proxy, as host:port, that tcp connects through."),
    Row::text(code::SOCKS_USERNAME, "SOCKS_USERNAME", 255)
        .draft()
        .not_built(SOCKS)
        .doc("The user name at the proxy."),
    Row::text(code::SOCKS_PASSWORD, "SOCKS_PASSWORD", 255)
        .draft()
        .not_built(SOCKS)
        .doc("The password at the proxy."),
    Row::int(code::RATE, "RATE", (1, MAX), 100)
        .unit("kbit/s")
        .not_built(MULTICAST)
        .doc("The rate of multicast."),
    Row::int(code::RECOVERY_IVL, "RECOVERY_IVL", (0, MAX), 10000)
        .unit("ms")
        .not_built(MULTICAST)
        .doc("How long a multicast receiver may be away without loss."),
    Row::int(code::MULTICAST_HOPS, "MULTICAST_HOPS", (1, 255), 1)
        .unit("hops")
        .not_built(MULTICAST)
        .doc("How many networks multicast crosses."),
    Row::int(code::MULTICAST_MAXTPDU, "MULTICAST_MAXTPDU", (1, MAX), 1500)
        .unit("bytes")
        .not_built(MULTICAST)
        .doc("The largest multicast packet."),
    Row::number(code::MULTICAST_LOOP, "MULTICAST_LOOP", Kind::Bool, 1)
        .draft()
        .not_built(MULTICAST)
        .doc("Whether the sending machine receives its own multicast."),
    Row::number(code::VMCI_BUFFER_SIZE, "VMCI_BUFFER_SIZE", Kind::U64, 65546)
        .unit("bytes")
        .not_built(VMCI)
        .doc("The system's buffer of a VMCI connection."),
    Row::number(code::VMCI_BUFFER_MIN_SIZE, "VMCI_BUFFER_MIN_SIZE", Kind::U64, 128)
        .unit("bytes")
        .not_built(VMCI)
        .doc("The smallest such buffer."),
    Row::number(code::VMCI_BUFFER_MAX_SIZE, "VMCI_BUFFER_MAX_SIZE", Kind::U64, 262144)
        .unit("bytes")
        .not_built(VMCI)
        .doc("The largest such buffer."),
    Row::int(code::VMCI_CONNECT_TIMEOUT, "VMCI_CONNECT_TIMEOUT", (-1, MAX), -1)
        .unit("ms")
        .not_built(VMCI)
        .doc("The longest attempt to connect over VMCI."),
    Row::number(code::LOOPBACK_FASTPATH, "LOOPBACK_FASTPATH", Kind::Bool, 0)
        .draft()
        .not_built(FASTPATH)
        .doc("Speeds up loopback connections on Windows."),
    Row::int(code::IN_BATCH_SIZE, "IN_BATCH_SIZE", (1, MAX), 8192)
        .unit("bytes")
        .draft()
        .not_built(BATCHES)
        .doc("How much is read at once."),
    Row::int(code::OUT_BATCH_SIZE, "OUT_BATCH_SIZE", (1, MAX), 8192)
        .unit("bytes")
        .draft()
        .not_built(BATCHES)
        .doc("How much is written at once."),
    Row::text(code::WSS_KEY_PEM, "WSS_KEY_PEM", 65536)
        .draft()
        .set_only()
        .not_built(WSS)
        .doc("The server's private key."),
    Row::text(code::WSS_CERT_PEM, "WSS_CERT_PEM", 65536)
        .draft()
        .set_only()
        .not_built(WSS)
        .doc("The server's certificate."),
    Row::text(code::WSS_TRUST_PEM, "WSS_TRUST_PEM", 65536)
        .draft()
        .set_only()
        .not_built(WSS)
        .doc("The authorities that a client trusts."),
    Row::text(code::WSS_HOSTNAME, "WSS_HOSTNAME", 255)
        .draft()
        .set_only()
        .not_built(WSS)
        .doc("The name that the server's certificate must have."),
    Row::number(code::WSS_TRUST_SYSTEM, "WSS_TRUST_SYSTEM", Kind::Bool, 0)
        .draft()
        .set_only()
        .not_built(WSS)
        .doc("Whether a client trusts the authorities that the system trusts."),
    Row::int(code::NORM_MODE, "NORM_MODE", (0, 4), 1)
        .draft()
        .not_built(NORM)
        .doc("The congestion control of NORM."),
    Row::number(code::NORM_UNICAST_NACK, "NORM_UNICAST_NACK", Kind::Bool, 0)
        .draft()
        .not_built(NORM)
        .doc("Whether NORM receivers complain by unicast."),
    Row::int(code::NORM_BUFFER_SIZE, "NORM_BUFFER_SIZE", (1, MAX), 2048)
        .unit("KiB")
        .draft()
        .not_built(NORM)
        .doc("The buffer of a NORM stream."),
    Row::int(code::NORM_SEGMENT_SIZE, "NORM_SEGMENT_SIZE", (1, MAX), 1400)
        .unit("bytes")
        .draft()
        .not_built(NORM)
        .doc("The payload of a NORM packet."),
    Row::int(code::NORM_BLOCK_SIZE, "NORM_BLOCK_SIZE", (1, 255), 16)
        .unit("packets")
        .draft()
        .not_built(NORM)
        .doc("Packets of a block that NORM corrects."),
    Row::int(code::NORM_NUM_PARITY, "NORM_NUM_PARITY", (1, 254), 4)
        .unit("packets")
        .draft()
        .not_built(NORM)
        .doc("Packets that NORM can correct in a block."),
    Row::int(code::NORM_NUM_AUTOPARITY, "NORM_NUM_AUTOPARITY", (0, 254), 0)
        .unit("packets")
        .draft()
        .not_built(NORM)
        .doc("Parity packets that NORM sends unasked."),
    Row::number(code::NORM_PUSH, "NORM_PUSH", Kind::Bool, 0)
        .draft()
        .not_built(NORM)
        .doc("Whether NORM gives up old data for new."),
];
