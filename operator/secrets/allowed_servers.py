# SPDX-License-Identifier: Apache-2.0
"""Check the annotation ``smtp-operator.io/allowed-servers``: where the owner allows credentials to be sent.

A user who may edit a SmtpConfig may not be allowed to read the Secret that it names. Without this binding,
such a user could have the password sent to their own host. Invalid entries allow nothing.
"""

import ipaddress
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

import idna

from smtp_operator.api.names import ALLOWED_SERVERS
from smtp_operator.api.objects import JsonObject
from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import VerdictError, failed

_EVERYWHERE: Final = "*:*"
_LONGEST: Final = 16 * 1024
_MOST_ENTRIES: Final = 256
_MAIL_SERVER: Final = "set server and port to an entry of the annotation"


def check_destination(
    secret: JsonObject,
    *,
    server: str,
    port: int,
    verified_tls: bool,
    required: bool,
    otherwise: str = _MAIL_SERVER,
    purpose: str = "",
    needed: Iterable[tuple[str, int]] = (),
) -> None:
    """Refuse to send the values of this Secret, or what a ServiceAccount gives, to ``server:port``.

    ``required``: a Secret without the annotation may not be sent anywhere (``--require-allowed-servers``).
    ``otherwise``, ``purpose``: for the message, an alternative fix, and the use of the object.
    ``needed``: all places that the annotation must list, if there are more than this one.

    Raises:
        VerdictError: the annotation does not allow it; reason ServerNotAllowed.
    """
    metadata = secret["metadata"]
    annotation = (metadata.get("annotations") or {}).get(ALLOWED_SERVERS)
    if annotation is None and not required:
        return
    name = f"{secret.get('kind', 'Secret')} {metadata['namespace']}/{metadata['name']}{purpose}"
    destination = _written(server, port)
    if annotation is None:
        listed = ",".join(dict.fromkeys(_written(*place) for place in needed)) or destination
        raise _refused(
            f"{name} does not say where its values may be sent, which the operator requires"
            f" (--require-allowed-servers). Ask its owner to add the annotation {ALLOWED_SERVERS}: {listed}"
        )
    if len(annotation) > _LONGEST or annotation.count(",") >= _MOST_ENTRIES:
        raise _refused(
            f"The annotation {ALLOWED_SERVERS} of {name} has more than {_LONGEST:,} characters or"
            f" {_MOST_ENTRIES} entries, so it allows nothing. Ask its owner to shorten it, for example with"
            " *. for one label."
        )
    if not any(entry_matches(entry.strip(), server, port) for entry in annotation.split(",")):
        raise _refused(
            f"{name} does not allow server {destination}. Ask its owner to add it to the annotation"
            f" {ALLOWED_SERVERS}, or {otherwise}."
        )
    if not verified_tls:
        raise _refused(
            f"{name} is bound to its servers by the annotation {ALLOWED_SERVERS}, so the operator sends it"
            " over verified TLS only. Set smtpType: StartTLS or TLS, and tls.insecureSkipVerify: false."
        )


def server_allowed(entries: Iterable[str], server: str, port: int) -> bool:
    """Return whether a vault object's ``allowedServers`` contain the server; ``*`` is any host or port."""
    for entry in entries:
        host, _, entry_port = entry.rpartition(":")
        host = _written(server, port).rpartition(":")[0] if host == "*" else host
        if entry_matches(f"{host}:{port if entry_port == '*' else entry_port}", server, port):
            return True
    return False


def entry_matches(entry: str, server: str, port: int) -> bool:
    """Return whether one entry of the annotation allows the server."""
    if entry == _EVERYWHERE:
        return True
    host, _, entry_port = entry.rpartition(":")
    if entry_port != str(port):
        return False
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
        return ":" in host and _ip(host) is not None and _ip(host) == _ip(server)
    if ":" in host:
        return False  # an IPv6 address without brackets is ambiguous
    if _ip(host) or _ip(server):
        return _ip(host) == _ip(server)
    wanted, found = _name(host), _name(server)
    if wanted.startswith("*."):
        # One label, as in certificates (RFC 6125 section 6.4.3).
        label, _, rest = found.partition(".")
        return bool(label) and bool(rest) and rest == wanted[2:]
    return bool(wanted) and wanted == found


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


@lru_cache(1024)
def _name(host: str) -> str:
    """Normalize a host name for comparison: lower case, no trailing dot, A-labels."""
    name = host.lower().removesuffix(".")
    try:
        return name if name.isascii() else idna.encode(name, uts46=True).decode()
    except idna.IDNAError:
        return name


def _written(server: str, port: int) -> str:
    return f"[{server}]:{port}" if ":" in server else f"{server}:{port}"


def _refused(message: str) -> VerdictError:
    return failed(Reason.SERVER_NOT_ALLOWED, message)
