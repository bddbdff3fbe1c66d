# SPDX-License-Identifier: Apache-2.0
"""The forms in which servers and libraries write a secret, cut into pieces for the search.

Escapes (``%41``, ``=41``, ``\\x41``, ``&#65;`` …) are not included: ``readings`` decodes them in the text.
"""

import base64
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final

from smtp_operator.smtp.redaction.readings import Span
from smtp_operator.smtp.replies import clean

RUN: Final = 12
"""Characters of a secret in a row that are masked. With fewer, a masked "password" would show that this
word is part of the secret."""
LEAST: Final = 4
"""Characters. A shorter secret is masked only as a word."""
LONG: Final = 200
"""Characters. A longer secret is an access token; only some of its pieces are kept, to save memory."""
_SAMPLE: Final = 8
_BASE64_PIECE: Final = 8
_BASE64_LEAST: Final = 6
"""Fewer case-folded base64 characters also occur in ordinary words."""
_DOUBTFUL: Final = 6
_DOUBTFUL_LETTERS: Final = 8
_WORDS: Final = (
    "accepted accepting administrator anonymous application attempts authenticated authentication"
    " authorization available badcredentials blacklisted blocklisted challenge chunking clientblocked"
    " command community concurrent configuration configured connection connections correctly credentials"
    " delivered delivery developers disabled disallowed encryption enhancedstatuscodes envelope exceeded"
    " exchange failedlogin following forbidden frequency hostname identities identity inactive incorrect"
    " information insufficient internal invalidcredentials mailserver mechanism mechanisms messages"
    " microsoft multiple operation passwords permission permissions permitted pipelining postmaster"
    " practices provided qualified recipients registered rejected relaying reputation requested required"
    " requires resource resources security sendgrid sendmail servernotavailable services settings"
    " smtpclientauthentication spamhaus specific starttls submission supported suspended suspicious"
    " temporarily temporary throttling transmission troubleshooting unauthenticated unauthorized"
    " unavailable unknownuser unrecognized unsuccessful unsupported usernames verification verified"
)
_UTF16: Final = ("utf-16-le", "utf-16-be")


class Pieces:
    """Pieces to find in a text, grouped by length."""

    def __init__(self) -> None:
        self._by_size: dict[int, set[str]] = {}
        self._margin: dict[int, int] = {}

    def add(
        self, form: str, *, size: int, step: int = 1, margin: int = 0, but_of: Iterable[str] = ()
    ) -> None:
        """Add every ``step``-th piece of ``size`` characters, or the whole form if it is shorter.

        Pieces that occur in ``but_of`` are omitted. ``margin`` characters on both sides count as found too.
        """
        size = min(size, len(form))
        if size:
            pieces = self._by_size.setdefault(size, set())
            cut = [form[at : at + size] for at in range(0, len(form) - size + 1, step)]
            pieces.update([it for it in cut if not any(it in text for text in but_of)] if but_of else cut)
            if margin:
                self._margin[size] = margin

    def any_in(self, text: str) -> bool:
        """Return whether a piece is in the text."""
        return next(self.found_in(text), None) is not None

    def found_in(self, text: str) -> Iterator[Span]:
        """Yield the span of each piece in the text. Each position is checked once per length."""
        for size, pieces in self._by_size.items():
            windows = [text[at : at + size] for at in range(len(text) - size + 1)]
            if pieces.isdisjoint(windows):
                continue
            margin = self._margin.get(size, 0)
            for at, window in enumerate(windows):
                if window in pieces:
                    yield max(0, at - margin), min(at + size + margin, len(text))


def compact(text: str) -> str:
    """Return the case-folded text without whitespace."""
    return "".join(text.split()).casefold()


def octets(text: str, encoding: str = "utf-8") -> bytes:
    """Encode the text, including lone surrogates."""
    return text.encode(encoding, "surrogatepass")


def spellings(secret: str) -> Iterator[str]:
    """Yield the compact forms of the secret in a text with decoded escapes."""
    forms = [secret]
    if " " in secret:
        forms += [secret.replace(" ", "+"), secret.replace(" ", "_")]
    if not secret.isascii():
        forms += [octets(form).decode("latin-1") for form in forms]  # octets read as characters
        forms += [unicodedata.normalize(form, secret) for form in ("NFC", "NFD", "NFKC")]
        forms += ["".join(sign if sign.isascii() else stand_in for sign in secret) for stand_in in "?\ufffd"]
        forms.append(octets(secret).decode("ascii", "replace"))
        units = octets(secret, "utf-16-be")
        forms.append("".join(chr(units[at] << 8 | units[at + 1]) for at in range(0, len(units), 2)))
    forms += [clean(form) for form in forms if not form.isprintable()]
    written = dict.fromkeys(map(compact, forms))
    yield from (form for form in written if len(form) >= min(LEAST, len(secret)) and form.strip("?\ufffd"))


def add_plain(pieces: Pieces, secrets: Iterable[str], *, but_of: Iterable[str] = ()) -> None:
    """Add the pieces of the secrets in their spellings.

    Pieces that occur in ``but_of``, the public texts, are omitted; the whole secret is still added.
    """
    for secret in secrets:
        for form in spellings(secret):
            if len(secret) > LONG:
                pieces.add(form, size=_SAMPLE, step=RUN - _SAMPLE + 1, margin=RUN - _SAMPLE)
            else:
                pieces.add(form, size=RUN, but_of=but_of)
            if but_of:
                pieces.add(form, size=len(form))


def add_doubtful(pieces: Pieces, secret: str, *, but_of: Iterable[str]) -> None:
    """Add the pieces of a secret that are too short to be masked, but may be an echo.

    Pieces of letters only are longer and do not occur in ordinary words of replies. Otherwise, hiding a reply
    with the word "password" would show that this word is part of the secret.
    """
    known = (_WORDS, *but_of)
    for form in spellings(secret):
        for at in range(len(form) - _DOUBTFUL + 1):
            piece = form[at : at + _DOUBTFUL]
            if not piece.isalpha() and any(map(str.isalpha, piece)):
                pieces.add(piece, size=_DOUBTFUL, but_of=known)
            letters = form[at : at + _DOUBTFUL_LETTERS]
            if len(letters) == _DOUBTFUL_LETTERS and letters.isalpha():
                pieces.add(letters, size=_DOUBTFUL_LETTERS, but_of=known)


def add_hex(pieces: Pieces, secrets: Iterable[str]) -> None:
    """Add the pieces of the secrets in hex digits of UTF-8 and UTF-16."""
    for secret in secrets:
        raw, margin = octets(secret), 2 * (RUN - _SAMPLE)
        if len(secret) > LONG:
            pieces.add(raw.hex(), size=2 * _SAMPLE, step=margin + 1, margin=margin)
            continue
        for encoded in (raw, *(octets(secret, encoding) for encoding in _UTF16)):
            pieces.add(encoded.hex(), size=2 * RUN)


def add_base64(pieces: Pieces, secrets: Iterable[str], *, username: str) -> None:
    """Add the pieces of the secrets in case-folded base64, at each of the three alignments.

    Also add the messages of the mechanisms, such as ``\\0user\\0password``.
    """
    user = octets(username)
    for secret in secrets:
        raw = octets(secret)
        if len(secret) > LONG:
            for form in base64_forms(raw):
                pieces.add(form, size=_BASE64_PIECE, step=7 * _BASE64_PIECE)
            continue
        for form in base64_forms(raw):
            pieces.add(form, size=_BASE64_PIECE)
        for blob in (b"\0" + user + b"\0" + raw, user + b"\0" + user + b"\0" + raw):
            pieces.add(next(base64_forms(blob), ""), size=_BASE64_PIECE)
        for encoding in _UTF16:
            for form in base64_forms(octets(secret, encoding)):
                pieces.add(form, size=_BASE64_PIECE, step=4)


def base64_forms(raw: bytes) -> Iterator[str]:
    """Yield the base64 characters that encode only ``raw``, for each offset within three octets."""
    for offset in range(3):
        bits = 8 * (offset + len(raw))
        written = base64.b64encode(bytes(offset) + raw).decode()
        begin, ends = -(-8 * offset // 6), {bits // 6, bits // 6 if offset else -(-bits // 6)}
        for end in sorted(ends, reverse=True):
            form = written[begin:end].casefold()
            if len(form) >= _BASE64_LEAST:
                yield form
                if "+" in form or "/" in form:
                    yield form.replace("+", "-").replace("/", "_")


def alone(secret: str) -> set[str]:
    """Return the forms of a secret that is too short for a search inside words."""
    raw = octets(secret)
    return {secret, base64.b64encode(raw).decode(), base64.b64encode(raw).decode().rstrip("="), raw.hex()}
