# SPDX-License-Identifier: Apache-2.0
"""What a mail server said, without the secrets and the bcc addresses that it may have echoed."""

import base64
import binascii
import re
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Final
from urllib.parse import quote, quote_plus

from smtp_operator.smtp.replies import clean

MASK: Final = "********"
SERVER_TEXT: Final = 200
"""Longest text of a server in a status, in characters."""

_SHORT: Final = 4
"""A secret shorter than this is only masked where it stands alone: else no text would be left."""
_ENCODED: Final = re.compile(r"[A-Za-z0-9+/_-]{6,}={0,2}")
_SHARED: Final = 8
"""Signs that a piece of base64 may have in common with a secret's before it is masked."""


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
        for derived in ("_blobs", "_patterns"):
            self.__dict__.pop(derived, None)

    def shown(self, text: str, *, limit: int = SERVER_TEXT) -> str:
        """``text`` as it may be shown, at most ``limit`` characters."""
        text = self.redacted(clean(text))
        return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"

    def redacted(self, text: str) -> str:
        """``text``, which is clean, without secrets and hidden addresses; not cut."""
        if self._blobs:
            text = _ENCODED.sub(self._mask_encoded, text)
        for pattern, mask in self._patterns:
            text = pattern.sub(mask, text)
        return text

    @cached_property
    def _blobs(self) -> tuple[str, ...]:
        blobs = []
        for secret in self._secrets:
            raw = secret.encode("utf-8", "surrogatepass")
            user = self._username.encode("utf-8", "surrogatepass")
            blobs += [raw, b"\0" + user + b"\0" + raw, user + b"\0" + user + b"\0" + raw]
        return tuple(base64.b64encode(blob).decode().rstrip("=") for blob in blobs)

    def _mask_encoded(self, found: re.Match[str]) -> str:
        piece = found[0].rstrip("=").replace("-", "+").replace("_", "/")
        for blob in self._blobs:
            if piece in blob or (len(piece) >= _SHARED and _share(piece, blob)):
                return MASK
        return MASK if self._decodes_to_secret(piece) else found[0]

    def _decodes_to_secret(self, piece: str) -> bool:
        secrets = [secret.encode() for secret in self._secrets if len(secret) >= _SHORT]
        for start in range(4):
            part = piece[start:]
            try:
                raw = base64.b64decode(part[: len(part) // 4 * 4] + _padded(part[len(part) // 4 * 4 :]))
            except (binascii.Error, ValueError):
                continue
            if any(secret in raw for secret in secrets):
                return True
        return False

    @cached_property
    def _patterns(self) -> tuple[tuple[re.Pattern[str], str], ...]:
        patterns = []
        for secret in self._secrets:
            forms = {secret, clean(secret), quote(secret, safe=""), quote_plus(secret), quote(secret)}
            forms |= {form.replace("\\", "\\\\").replace('"', '\\"') for form in (secret,)}
            for form in sorted(filter(None, forms), key=len, reverse=True):
                patterns.append((_pattern(form), MASK))
        for address, label in self._hidden.items():
            local, _, domain = address.rpartition("@")
            for form in (address, quote(address), quote(address, safe="")):
                patterns.append((re.compile(re.escape(form), re.IGNORECASE), label))
            patterns.append(
                (
                    re.compile(
                        rf"(?<![\w.+-]){re.escape(local)}\s*(?:@|%40|\(at\)|=)\s*{re.escape(domain)}", re.I
                    ),
                    label,
                )
            )
        return tuple(patterns)


def _pattern(form: str) -> re.Pattern[str]:
    if len(form) < _SHORT:
        return re.compile(rf"(?<!\w){re.escape(form)}(?!\w)", re.IGNORECASE)
    spaced = r"\s?".join(map(re.escape, form.replace(" ", ""))) if len(form) < 200 else re.escape(form)
    return re.compile(spaced, re.IGNORECASE)


def _share(piece: str, blob: str) -> bool:
    return any(piece[at : at + _SHARED] in blob for at in range(len(piece) - _SHARED + 1))


def _padded(rest: str) -> str:
    return rest + "=" * (-len(rest) % 4) if len(rest) > 1 else ""
