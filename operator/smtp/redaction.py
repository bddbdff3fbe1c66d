# SPDX-License-Identifier: Apache-2.0
"""What a mail server said, without the secrets and the bcc addresses that it may have echoed."""

import base64
import binascii
import html
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Final
from urllib.parse import quote, quote_plus

from smtp_operator.smtp.replies import clean

MASK: Final = "********"
SERVER_TEXT: Final = 200
"""Longest text of a server in a status, in characters."""

_READ: Final = 2000
"""Characters of a text that are looked at; the rest is cut off before."""
_SHORT: Final = 4
"""A secret shorter than this is masked only where it stands alone: else no text would be left."""
_PIECE: Final = 16
"""A piece this long of a longer secret is masked too, since a server may cut what it echoes. Not a
shorter one: masking "password" would tell that it is part of the secret."""
_BASE64_PIECE: Final = 8
_LONG: Final = 200
"""A secret longer than this is an access token: whatever of it is echoed, it is but a piece."""
_BASE64: Final = re.compile(r"[A-Za-z0-9+/_-]{6,}")


@dataclass(frozen=True, slots=True)
class _Needle:
    """Texts to mask wherever ``size`` signs of one in a row are found, blanks aside."""

    pieces: set[str]
    size: int
    folded: bool
    mask: str

    @classmethod
    def of(cls, texts: Iterable[str], mask: str, *, size: int, folded: bool = True) -> Iterator["_Needle"]:
        """One for all texts, but for each length of those that are shorter than ``size``."""
        found: dict[int, set[str]] = {}
        for text in texts:
            compact = _compact(text, folded=folded)
            length = min(size, len(compact))
            starts = range(len(compact) - length + 1)
            found.setdefault(length, set()).update([compact[at : at + length] for at in starts])
        return (cls(pieces, length, folded, mask) for length, pieces in found.items())


class Redactor:
    """Makes texts fit to be shown: clean, cut, no secret in any usual encoding, no hidden address."""

    def __init__(
        self, *, secrets: Iterable[str] = (), username: str = "", hidden: Mapping[str, str] | None = None
    ) -> None:
        """``hidden`` has addresses that must not be shown, and what stands in their place."""
        self._secrets = [secret for secret in dict.fromkeys(secrets) if secret]
        self._username = username
        self._hidden = dict(hidden or {})

    def __repr__(self) -> str:
        return "Redactor()"

    def add(self, secret: str) -> None:
        """Hide one more text from now on, such as the answer to a challenge."""
        self._secrets.append(secret)
        self.__dict__.pop("_needles", None)
        self.__dict__.pop("_raw", None)

    def shown(self, text: str, *, limit: int = SERVER_TEXT) -> str:
        """``text`` as it may be shown, at most ``limit`` characters."""
        text = self._redacted(clean(text[:_READ]))
        return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"

    def _redacted(self, text: str) -> str:
        plain, folded = _compact(text), _compact(text, folded=True)
        for needle in self._needles:
            haystack = folded if needle.folded else plain
            if any(map(haystack.__contains__, needle.pieces)):
                text = _masked(text, needle)
                plain, folded = _compact(text), _compact(text, folded=True)
        for secret in self._secrets:
            if len(secret) < _SHORT:
                text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", MASK, text, flags=re.IGNORECASE)
        if self._secrets:
            text = _BASE64.sub(self._mask_decoded, text)
        for address, label in self._hidden.items():
            text = _without_local_part(text, address.rpartition("@")[0], label)
        return text

    @cached_property
    def _raw(self) -> list[bytes]:
        """The secrets that are looked for in base64 of whatever else."""
        return [secret.encode("utf-8", "surrogatepass") for secret in self._secrets if len(secret) >= _SHORT]

    @cached_property
    def _needles(self) -> tuple[_Needle, ...]:
        return tuple(self._of_secrets()) + tuple(self._of_addresses())

    def _of_secrets(self) -> Iterator[_Needle]:
        user = self._username.encode("utf-8", "surrogatepass")
        encoded: set[str] = set()
        written: set[str] = set()
        for secret in self._secrets:
            raw = secret.encode("utf-8", "surrogatepass")
            blobs = [raw]
            if len(secret) <= _LONG:  # no mechanism sends a token so, and each form costs memory
                blobs += [b"\0" + user + b"\0" + raw, user + b"\0" + user + b"\0" + raw]
            for blob in blobs:
                form = base64.b64encode(blob).decode().rstrip("=")
                encoded |= {form, form.replace("+", "-").replace("/", "_")}
            if len(secret) >= _SHORT:
                written |= _written(secret)
        yield from _Needle.of(encoded, MASK, size=_BASE64_PIECE, folded=False)
        yield from _Needle.of(filter(str.strip, written), MASK, size=_PIECE)

    def _of_addresses(self) -> Iterator[_Needle]:
        for address, label in self._hidden.items():
            local, _, domain = address.rpartition("@")
            for form in (address, quote(address, safe=""), f"{local}={domain}", f"{local}(at){domain}"):
                yield from _Needle.of([form], label, size=len(form))

    def _mask_decoded(self, found: re.Match[str]) -> str:
        piece = found[0].replace("-", "+").replace("_", "/")
        octets = len(piece) * 3 // 4
        secrets = [secret for secret in self._raw if len(secret) <= octets]
        for start in range(4) if secrets else ():
            part = piece[start:]
            try:
                raw = base64.b64decode(part[: len(part) - (len(part) % 4 == 1)] + "==")
            except (binascii.Error, ValueError):
                continue
            if any(secret in raw for secret in secrets):
                return MASK
        return found[0]


def _written(secret: str) -> set[str]:
    """The secret as servers and libraries write it into a text."""
    forms = {secret, secret.encode("utf-8", "surrogatepass").hex()}
    if not (secret.isascii() and secret.isalnum()):  # else nothing of it is ever quoted
        forms |= {clean(secret), html.escape(secret)}
        forms |= {quote(secret, safe=safe, errors="replace") for safe in ("", "/")}
        forms.add(quote_plus(secret, errors="replace"))
        forms.add(secret.replace("\\", "\\\\").replace('"', '\\"'))
    return forms


def _compact(text: str, *, folded: bool = False) -> str:
    """The text without blanks."""
    text = "".join(text.split())
    return text.casefold() if folded else text


def _signs(text: str, *, folded: bool) -> list[tuple[str, int]]:
    """Every sign but blanks, with its place in the text; ``ß`` folds to two."""
    return [
        (part, at)
        for at, sign in enumerate(text)
        if not sign.isspace()
        for part in (sign.casefold() if folded else sign)
    ]


def _masked(text: str, needle: _Needle) -> str:
    """The text with a mask for every stretch that pieces of the needle cover."""
    size = needle.size
    signs = _signs(text, folded=needle.folded)
    compact = "".join(sign for sign, _ in signs)
    hits = [at for at in range(len(compact) - size + 1) if compact[at : at + size] in needle.pieces]
    if not hits:
        return text
    stretches = [(signs[at][1], signs[at + size - 1][1] + 1) for at in hits]
    merged = [stretches[0]]
    for begin, end in stretches[1:]:
        if begin <= merged[-1][1]:
            merged[-1] = (merged[-1][0], end)
        else:
            merged.append((begin, end))
    ends = [0, *(edge for stretch in merged for edge in stretch), len(text)]
    kept = [text[begin:end] for begin, end in list(pairwise(ends))[::2]]
    return needle.mask.join(kept)


def _without_local_part(text: str, local: str, label: str) -> str:
    """The text without the part before the @ where it stands in brackets or quotes, or alone at the start."""
    escaped = re.escape(local)
    return re.sub(rf"([<'\"`(\[])\s*{escaped}\s*(?=[>'\"`)\]])", rf"\g<1>{label}", text, flags=re.IGNORECASE)
