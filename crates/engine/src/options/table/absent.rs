//! Rows of options whose feature does not exist yet. Setting or reading one fails and says what is
//! missing; none is accepted and forgotten.

use super::super::code;
use super::super::row::{Kind, MAX, OptionRow as Row};

const GSSAPI: &str = "GSSAPI mechanism";
const VMCI: &str = "VMCI transport";
const NORM: &str = "NORM transport";

pub(super) const ROWS: &[Row] = &[
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
