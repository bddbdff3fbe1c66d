# SPDX-License-Identifier: Apache-2.0
"""The forms in which servers and libraries write a secret, and the search for their pieces.

Escapes (``%41``, ``=41``, ``\\x41``, ``&#65;`` …) are not included: ``readings`` decodes them in the text.
"""

import base64
import binascii
import unicodedata
from collections.abc import Callable, Iterable, Iterator
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
_ENCODINGS: Final = ("utf-8", "utf-16-le", "utf-16-be")

Condition = Callable[[str], bool]


class Pieces:
    """Pieces of forms to find in a text without whitespace."""

    def __init__(self) -> None:
        self._forms: dict[tuple[int, Condition | None], str] = {}
        """Forms, one per line, by the length of their pieces and the condition."""
        self._samples: dict[tuple[int, int], set[str]] = {}
        """Some pieces of long forms, by their length and margin."""

    def add(self, form: str, *, size: int, where: Condition | None = None) -> None:
        """Add the pieces of ``size`` characters that fulfill ``where``; of a shorter form, the whole form."""
        if form:
            key = min(size, len(form)), where
            self._forms[key] = f"{self._forms.get(key, '')}\n{form}"

    def add_samples(self, form: str, *, size: int, step: int, margin: int = 0) -> None:
        """Add every ``step``-th piece; ``margin`` characters on both sides count as found too."""
        samples = self._samples.setdefault((size, margin), set())
        samples.update(form[at : at + size] for at in range(0, len(form) - size + 1, step))

    def found_in(self, text: str) -> list[Span]:
        """Return the span of each piece in the text."""
        found: list[Span] = []
        for (size, where), forms in self._forms.items():
            # one of the halves at these places is in each piece of the text
            half = (size + 1) // 2
            for start in range(0, len(text) - half + 1, size - half + 1):
                if text[start : start + half] in forms:
                    break
            else:
                continue
            for at in range(len(text) - size + 1):
                piece = text[at : at + size]
                if piece in forms and (where is None or where(piece)):
                    found.append((at, at + size))
        for (size, margin), samples in self._samples.items():
            for at in range(len(text) - size + 1):
                if text[at : at + size] in samples:
                    found.append((max(0, at - margin), min(at + size + margin, len(text))))
        return found


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


def add_plain(pieces: Pieces, secret: str, *, but_of: Iterable[str] = ()) -> None:
    """Add the pieces of the secret in its spellings.

    Pieces that occur in ``but_of``, the public texts, are omitted; the whole secret is still added.
    """
    public = "\n".join(but_of)
    for form in spellings(secret):
        if len(secret) > LONG:
            pieces.add_samples(form, size=_SAMPLE, step=RUN - _SAMPLE + 1, margin=RUN - _SAMPLE)
        else:
            pieces.add(form, size=RUN, where=(lambda piece: piece not in public) if public else None)
            if public:
                pieces.add(form, size=len(form))


def add_doubtful(pieces: Pieces, secret: str, *, but_of: Iterable[str]) -> None:
    """Add the pieces of a secret that are too short to be masked, but may be an echo.

    Pieces of letters only are longer and do not occur in ordinary words of replies. Otherwise, hiding a reply
    with the word "password" would show that this word is part of the secret.
    """
    known = "\n".join((_WORDS, *but_of))

    def is_mixed(piece: str) -> bool:
        return not piece.isalpha() and any(map(str.isalpha, piece)) and piece not in known

    def is_word(piece: str) -> bool:
        return piece.isalpha() and piece not in known

    for form in spellings(secret):
        if len(form) >= _DOUBTFUL:
            pieces.add(form, size=_DOUBTFUL, where=is_mixed)
        if len(form) >= _DOUBTFUL_LETTERS:
            pieces.add(form, size=_DOUBTFUL_LETTERS, where=is_word)


def add_hex(pieces: Pieces, secret: str) -> None:
    """Add the pieces of the secret in hex digits of UTF-8 and UTF-16."""
    if len(secret) > LONG:
        margin = 2 * (RUN - _SAMPLE)
        pieces.add_samples(octets(secret).hex(), size=2 * _SAMPLE, step=margin + 1, margin=margin)
    else:
        for encoding in _ENCODINGS:
            pieces.add(octets(secret, encoding).hex(), size=2 * RUN)


def add_base64(pieces: Pieces, secret: str, *, username: str) -> None:
    """Add the pieces of the secret in case-folded base64, at each of the three alignments.

    Also add the messages of the mechanisms, such as ``\\0user\\0password``.
    """
    user, raw = octets(username), octets(secret)
    if len(secret) > LONG:
        for form in base64_forms(raw):
            pieces.add_samples(form, size=_BASE64_PIECE, step=7 * _BASE64_PIECE)
        return
    for blob in (b"\0" + user + b"\0" + raw, user + b"\0" + user + b"\0" + raw):
        for form in base64_forms(blob, offsets=(0,))[:1]:
            pieces.add(form, size=_BASE64_PIECE)
    for encoding in _ENCODINGS:
        for form in base64_forms(octets(secret, encoding)):
            pieces.add(form, size=_BASE64_PIECE)


def base64_forms(raw: bytes, *, offsets: Iterable[int] = range(3)) -> list[str]:
    """Return the base64 characters that encode only ``raw``, for each offset within three octets."""
    forms: list[str] = []
    for offset in offsets:
        bits = 8 * (offset + len(raw))
        written = binascii.b2a_base64(bytes(offset) + raw, newline=False).decode().casefold()
        # at the start of a text, the last character has the rest of the bits and zeros
        ends = (bits // 6,) if offset or not bits % 6 else (bits // 6 + 1, bits // 6)
        for end in ends:
            form = written[-(-8 * offset // 6) : end]
            if len(form) >= _BASE64_LEAST:
                forms.append(form)
                if "+" in form or "/" in form:
                    forms.append(form.replace("+", "-").replace("/", "_"))
    return forms


def alone(secret: str) -> set[str]:
    """Return the forms of a secret that is too short for a search inside words."""
    raw = octets(secret)
    return {secret, base64.b64encode(raw).decode(), base64.b64encode(raw).decode().rstrip("="), raw.hex()}
