"""Names and numbers of the C interface, read from the project's own zmq.h."""
import errno
import os
import re

HEADER = os.path.join(os.path.dirname(__file__), "../../../crates/libzmq/include/zmq.h")


def read():
    """Every `#define ZMQ_NAME NUMBER` of the header, without the prefix."""
    found = {}
    with open(HEADER, encoding="utf-8") as header:
        for name, value in re.findall(r"#define ZMQ_(\w+) (-?\w+)\s", header.read()):
            if value[4:] in found:
                found[name] = found[value[4:]]
            elif re.fullmatch(r"-?(0x[0-9a-fA-F]+|\d+)", value):
                found[name] = int(value, 0)
    return found


NUMBERS = read()

# Errors that the interface adds to the system's.
OWN_ERRORS = {156384763: "EFSM", 156384764: "ENOCOMPATPROTO", 156384765: "ETERM",
              156384766: "EMTHREAD"}


def error_name(number):
    """`EAGAIN` for 11."""
    return OWN_ERRORS.get(number) or errno.errorcode.get(number, str(number))


# Options whose value is not an int.
WIDE = {"AFFINITY", "MAXMSGSIZE", "VMCI_BUFFER_SIZE", "VMCI_BUFFER_MIN_SIZE",
        "VMCI_BUFFER_MAX_SIZE"}
BYTES = {"ROUTING_ID", "IDENTITY", "SUBSCRIBE", "UNSUBSCRIBE", "LAST_ENDPOINT",
         "TCP_ACCEPT_FILTER", "PLAIN_USERNAME", "PLAIN_PASSWORD", "CURVE_PUBLICKEY",
         "CURVE_SECRETKEY", "CURVE_SERVERKEY", "ZAP_DOMAIN", "CONNECT_ROUTING_ID", "SOCKS_PROXY",
         "XPUB_WELCOME_MSG", "BINDTODEVICE", "METADATA", "SOCKS_USERNAME", "SOCKS_PASSWORD",
         "HELLO_MSG", "DISCONNECT_MSG", "HICCUP_MSG"}
