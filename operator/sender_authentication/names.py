# SPDX-License-Identifier: Apache-2.0
"""Recognize public domain names: those that receivers on the internet can look up."""

from typing import Final

_PRIVATE: Final = frozenset(
    {
        # Special-use names (RFC 6761, 6762, 7686, 8375, 9476) and .internal, which ICANN has reserved.
        *("alt", "arpa", "example", "internal", "invalid", "local", "localhost", "onion", "test"),
        # Names that ICANN does not delegate because of private use.
        *("corp", "home", "mail"),
        # Names in wide private use (RFC 6762, appendix G, and common defaults of routers and systems).
        *("domain", "intranet", "lan", "localdomain", "private", "svc", "workgroup"),
    }
)
"""Top-level names that are not in the public DNS."""


def is_public(domain: str) -> bool:
    """Return whether a domain name can be in the public DNS; ``domain`` consists of A-labels."""
    labels = domain.lower().removesuffix(".").split(".")
    last = labels[-1]
    return (
        len(labels) > 1 and all(labels) and last not in _PRIVATE and last[-1].isalnum() and not last.isdigit()
    )
