# SPDX-License-Identifier: Apache-2.0
"""Types of settings and their parsers.

A parser's ValueError continues the sentence after the value: ``is not a number from 1 to 1000``.
"""

import ipaddress
import re
from collections.abc import Callable
from enum import StrEnum
from fnmatch import fnmatchcase
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from smtp_operator.api.verdict import RECHECK_MODES, Mode

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_HOST_NAME: Final = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)(\.(?!-)[a-z0-9-]{1,63}(?<!-))*", re.IGNORECASE)
_NAMESPACE: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_NAMESPACE_PATTERN: Final = re.compile(r"[a-z0-9*]([-a-z0-9*]{0,61}[a-z0-9*])?")
_DURATION_CHARACTERS: Final = 16
_TRUE: Final = frozenset({"true", "1", "yes"})
_FALSE: Final = frozenset({"false", "0", "no", ""})


class SecretWatch(StrEnum):
    """How the operator detects changes of Secrets and ConfigMaps."""

    METADATA = "metadata"
    """Watch the metadata of all of them; requires the permission to list and watch."""
    LABEL = "label"
    """Watch the metadata of those labeled ``smtp-operator.io/watch=true``."""
    NONE = "none"
    """Detect changes at the next recheck; requires only the permission to get."""


class LogFormat(StrEnum):
    """Format of log lines."""

    JSON = "json"
    TEXT = "text"


class LogLevel(StrEnum):
    """Lowest level of log lines to write."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class PortRange(NamedTuple):
    """TCP ports from ``first`` to ``last``, both included."""

    first: int
    last: int

    def __contains__(self, port: object) -> bool:
        """Return whether the port is in the range."""
        return isinstance(port, int) and self.first <= port <= self.last

    def __str__(self) -> str:
        """Return ``587`` or ``2525-2587``."""
        return str(self.first) if self.first == self.last else f"{self.first}-{self.last}"


DEFAULT_IMAP_PORTS: Final = tuple(PortRange(port, port) for port in (993, 143))
DEFAULT_SMTP_PORTS: Final = tuple(PortRange(port, port) for port in (25, 465, 587, 2465, 2525, 2587))


class ListenAddress(NamedTuple):
    """Listen address of an HTTP server; an empty host means all addresses."""

    host: str
    port: int

    def __str__(self) -> str:
        """Return ``:8081``, ``127.0.0.1:8081`` or ``[::1]:8081``."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class ServedNamespaces(NamedTuple):
    """The namespaces that an operator serves: the named ones, else all except the excluded ones."""

    named: tuple[str, ...] = ()
    """Empty: all."""
    excluded: tuple[str, ...] = ()
    """Names, and patterns in which ``*`` matches any number of characters."""

    def serves(self, namespace: str | None) -> bool:
        """Return whether objects of the namespace are served; always true for cluster-scoped objects."""
        if not namespace:
            return True
        if self.named:
            return namespace in self.named
        return not any(fnmatchcase(namespace, pattern) for pattern in self.excluded)

    def __str__(self) -> str:
        """Return ``team-a, team-b``, ``all namespaces`` or ``all namespaces except team-a, team-*``."""
        if self.named:
            return ", ".join(self.named)
        return f"all namespaces except {', '.join(self.excluded)}" if self.excluded else "all namespaces"


def line_of_text(text: str) -> str:
    """Return a text of one line with at most 253 characters."""
    if not text.isprintable() or len(text) > 253:
        raise ValueError("must be one line of at most 253 characters")
    return text


def truth(text: str) -> bool:
    """Parse a Boolean."""
    if text.lower() not in _TRUE | _FALSE:
        raise ValueError("is neither true nor false")
    return text.lower() in _TRUE


def connections(text: str) -> int:
    """Parse a number from 1 to 1000."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 1000:
        raise ValueError("is not a number from 1 to 1000")
    return int(text)


def limit(text: str) -> int:
    """Parse a number from 0 (no limit) to 100000."""
    if not text.isascii() or not text.isdigit() or len(text) > 6 or int(text) > 100_000:
        raise ValueError("is not a number from 0 (no limit) to 100000")
    return int(text)


def namespace_name(text: str) -> str:
    """Check the name of a namespace."""
    if not _NAMESPACE.fullmatch(text):
        raise ValueError("is not the name of a namespace")
    return text


def namespace_pattern(text: str) -> str:
    """Check the name of a namespace, or a pattern in which ``*`` matches any number of characters."""
    if not _NAMESPACE_PATTERN.fullmatch(text):
        raise ValueError("is neither the name of a namespace such as team-a nor a pattern such as team-*")
    if not text.strip("*"):
        raise ValueError("matches all namespaces, so none would be served; use a pattern such as team-*")
    return text


def object_name(text: str) -> str:
    """Check the name of an object, with the rules of most kinds."""
    if not _HOST_NAME.fullmatch(text) or text != text.lower() or len(text) > 253:
        raise ValueError("is not a name of an object, such as smtp-operator")
    return text


def recheck_interval(text: str) -> str:
    """Return the text if it is a value for ``recheck.interval``."""
    from smtp_operator.api.validation_rules import RECHECK_INTERVAL  # loads pydantic

    return _duration(text, RECHECK_INTERVAL.holds, RECHECK_INTERVAL.message)


def test_timeout(text: str) -> str:
    """Return the text if it is a value for ``test.timeout``."""
    from smtp_operator.api.validation_rules import TEST_TIMEOUT  # loads pydantic

    return _duration(text, TEST_TIMEOUT.holds, TEST_TIMEOUT.message)


def _duration(text: str, holds: Callable[[str], bool], message: str) -> str:
    if len(text) > _DURATION_CHARACTERS or not holds(text):
        raise ValueError(message)
    return text


def recheck_mode(text: str) -> Mode:
    """Return the mode of rechecks with this name."""
    for mode in RECHECK_MODES:
        if mode.lower() == text.lower():
            return mode
    raise ValueError(f"is not one of {', '.join(RECHECK_MODES)}")


def ports(text: str) -> PortRange:
    """Parse ``587`` or ``2525-2587``."""
    first, dash, last = text.partition("-")
    bounds = (first, last) if dash else (first, first)
    if not all(bound.isascii() and bound.isdigit() for bound in bounds):
        raise ValueError("is neither a port such as 587 nor a range such as 2525-2587")
    ports = PortRange(int(bounds[0]), int(bounds[1]))
    if not 1 <= ports.first <= ports.last <= 65535:
        raise ValueError("is not a range within 1-65535")
    return ports


def network(text: str) -> Network:
    """Parse a network in CIDR notation; an address is a network of one."""
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        pass
    try:
        meant = ipaddress.ip_network(text, strict=False)
    except ValueError:
        raise ValueError("is not a network such as 192.0.2.0/24 or 2001:db8::/32") from None
    raise ValueError(f"has bits set after its prefix; did you mean {meant}?")


def domain(text: str) -> str:
    """Check a mail domain; return it in lower case."""
    if not _HOST_NAME.fullmatch(text) or len(text) > 253:
        raise ValueError("is not a mail domain such as example.com")
    return text.lower()


def host(text: str) -> str:
    """Check a host name; return it in lower case."""
    if not _HOST_NAME.fullmatch(text) or len(text) > 253:
        raise ValueError("is not a host such as login.example.com, without scheme, port or path")
    return text.lower()


def proxy_url(text: str) -> str:
    """Check ``http://HOST:PORT``; empty: none. No credentials: the Pod's arguments would show them."""
    parts = urlsplit(text)
    try:
        port = parts.port
    except ValueError:
        port = None
    plain = parts.scheme == "http" and parts.path in ("", "/") and not parts.query and not parts.fragment
    if text and not (plain and parts.hostname and port and "@" not in parts.netloc):
        raise ValueError("is not a proxy such as http://proxy.example.com:3128")
    return text.removesuffix("/")


def site_url(text: str) -> str:
    """Check ``https://HOST[:PORT][/PATH]`` or http; empty: none. No query, fragment or username."""
    parts = urlsplit(text)
    usable = parts.scheme in ("http", "https") and parts.hostname and not parts.query and not parts.fragment
    if text and (
        not usable or "@" in parts.netloc or len(text) > 200 or not text.isprintable() or " " in text
    ):
        raise ValueError("is not the address of a site such as https://docs.example.com/smtp-operator")
    return text.rstrip("/")


def proxy_exception(text: str) -> str:
    """Check a host name, with or without a leading dot, an IP address, a network, or ``*``."""
    try:
        return str(network(text))
    except ValueError:
        pass
    name = text.removeprefix(".")
    if text != "*" and (not _HOST_NAME.fullmatch(name) or len(name) > 253):
        raise ValueError("is neither a host such as vault.example.com nor a network such as 192.0.2.0/24")
    return text.lower()


def optional_host(text: str) -> str:
    """Check a host name; empty: none."""
    if text and (not _HOST_NAME.fullmatch(text) or len(text) > 253):
        raise ValueError("is not a host name such as mail.example.com")
    return text


def listen_address(text: str) -> ListenAddress | None:
    """Parse ``[HOST]:PORT``; None if empty."""
    if not text:
        return None
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not port.isascii() or not port.isdigit() or not 1 <= int(port) <= 65535:
        raise ValueError("is not an address such as :8081 or 127.0.0.1:8081")
    if host:
        try:
            ipaddress.ip_address(host)
        except ValueError:
            raise ValueError("has a host that is not an IP address") from None
    return ListenAddress(host, int(port))


def one_of(kind: type[StrEnum]) -> Callable[[str], StrEnum]:
    """Return a parser for the values of an enumeration."""

    def parse(text: str) -> StrEnum:
        try:
            return kind(text.lower())
        except ValueError:
            raise ValueError(f"is not one of {', '.join(kind)}") from None

    return parse
