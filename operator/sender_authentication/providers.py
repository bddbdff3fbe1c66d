# SPDX-License-Identifier: Apache-2.0
"""Read from ``providers.yaml`` what mail providers need in SPF records, and what they do to emails."""

from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Final

import yaml

_FILE: Final = Path(__file__).with_name("providers.yaml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A mail provider."""

    name: str
    servers: tuple[str, ...]
    """Host names of its relays; ``*`` stands for any characters."""
    include: tuple[str, ...] = ()
    """Domains of which one has to be included, the first by preference; empty: the provider needs none."""
    returns: str = ""
    """When the provider needs no SPF record of its customer, in a sentence; empty: never."""
    source: str = ""
    """The documentation of the provider."""
    replaces_message_id: str = ""
    """Where the provider documents that it replaces the Message-ID of emails; empty: it keeps it."""


@cache
def providers() -> tuple[Provider, ...]:
    """Return all known providers."""
    read = yaml.safe_load(_FILE.read_text(encoding="utf-8"))["providers"]
    return tuple(
        Provider(
            name=it["name"],
            servers=tuple(it["servers"]),
            include=tuple(it["include"]),
            returns=it.get("returns", ""),
            source=it["source"],
            replaces_message_id=it.get("replacesMessageId", ""),
        )
        for it in read
    )


def provider_of(server: str) -> Provider | None:
    """Return the provider whose relay this host is; None if it is not known."""
    host = server.lower().removesuffix(".")
    for it in providers():
        if any(fnmatchcase(host, pattern) for pattern in it.servers):
            return it
    return None
