# SPDX-License-Identifier: Apache-2.0
"""Choose the folders for spam among all folders of a mailbox."""

from collections.abc import Iterable
from typing import Final

Listed = tuple[Iterable[bytes], bytes | None, str]
"""Attributes, delimiter and name of a folder, as IMAPClient returns them."""

_MOST: Final = 5
_CLOSED: Final = frozenset({b"\\noselect", b"\\nonexistent"})
_NAMES: Final = frozenset(
    {"bulk", "bulk mail", "junk", "junk e-mail", "junk email", "junk-e-mail", "junk mail", "spam"}
)
"""Names that servers without RFC 6154 give to the folder for spam."""


def marked_junk(folders: Iterable[Listed]) -> list[str]:
    """Return the folders with the attribute \\Junk (RFC 6154) that can be opened."""
    return [name for attributes, _, name in folders if b"\\junk" in attributes][:_MOST]


def named_junk(folders: Iterable[Listed]) -> list[str]:
    """Return the folders of the user that have a usual name, at the top or below INBOX."""
    return [name for _, delimiter, name in folders if _is_named_junk(name, delimiter)][:_MOST]


def opened(folders: Iterable[Listed]) -> list[tuple[set[bytes], bytes | None, str]]:
    """Return the folders that can be opened, with attributes in lower case."""
    lowered = [
        ({it.lower() for it in attributes}, delimiter, name) for attributes, delimiter, name in folders
    ]
    return [it for it in lowered if not it[0] & _CLOSED]


def _is_named_junk(name: str, delimiter: bytes | None) -> bool:
    above, _, last = name.rpartition(delimiter.decode("latin-1")) if delimiter else ("", "", name)
    return last.lower() in _NAMES and above.upper() in ("", "INBOX")
