# SPDX-License-Identifier: Apache-2.0
"""Redaction of a mail server's text, which may contain an echo of a secret or a bcc address.

A secret, and any run of 12 of its characters, is masked in every form of ``secret_forms`` and ``readings``. A
secret of 4 to 11 characters is masked as a whole, also inside words. A shorter secret is masked only as a
word, because otherwise no text would be left. Local parts of hidden addresses are also masked as words.
"""

import base64
import binascii
import re
import sys
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from smtp_operator.smtp.quotation import MARK, SERVER_TEXT, Quotation
from smtp_operator.smtp.redaction import secret_forms
from smtp_operator.smtp.redaction.hidden_addresses import HiddenAddresses, Label
from smtp_operator.smtp.redaction.readings import Reading, Span, readings_of
from smtp_operator.smtp.redaction.secret_forms import LEAST, LONG, RUN, Pieces
from smtp_operator.smtp.replies import clean

MASK: Final = "********"

_READ: Final = 1200
"""Characters of a text that are read, more than the rules read. The rest is dropped first."""
_LONG_TEXT: Final = 1100
_TAIL: Final = 96
"""Characters at the end of a long text that are never shown. If the text was cut, a piece of a secret there
may be too short to find (up to 12 characters of 8 each)."""
_TOKEN: Final = re.compile(r"[A-Za-z0-9+/_-]+={0,2}")
_LONG_TOKEN: Final = re.compile(r"[A-Za-z0-9+/_-]{6,}={0,2}")
_BASE64: Final = 6
"""Fewest characters of base64 that may contain a secret."""
_CODES: Final = re.compile(r"([2-5]\d\d)(?: [245]\.\d{1,3}\.\d{1,3})?(?= |\Z)")
_CHALLENGE: Final = "334"
_ESCAPED: Final = re.compile(
    r"(?:[%=][0-9a-f]{2}|\\x[0-9a-f]{2}|\\u[0-9a-f]{4}|&#x?[0-9a-f]{1,6};){4}", re.IGNORECASE
)
_HEX: Final = re.compile(r"\b(?:[0-9a-f]{2}[ :-]?){11,}[0-9a-f]{2}\b", re.IGNORECASE)
_BASE64_TEXT: Final = re.compile(r"[A-Za-z0-9+/_-]{16,}")
_UNKNOWN: Final = 12
"""Fewest octets of an encoded text that count as a possible echo."""


class Redactor:
    """Sanitizes texts, cuts them, and masks secrets in all usual forms and hidden addresses."""

    def __init__(
        self,
        *,
        secrets: Iterable[str] = (),
        username: str = "",
        secret_user: bool = False,
        hidden: Mapping[str, str] | None = None,
        public: Iterable[str] = (),
    ) -> None:
        """Keep the texts to hide.

        ``secret_user``: the username is also a secret. ``hidden`` maps addresses to their replacements.
        ``public`` contains public addresses and hosts of the spec.
        """
        self._secrets = [secret for secret in dict.fromkeys(secrets) if secret]
        self._username = username
        self._secret_user = username if secret_user else ""
        self._public = [text for text in public if text]
        local = re.split(r"[@\\/]", self._secret_user) if self._secret_user else []
        words = {local[-1] if "\\" in self._secret_user else local[0]: MASK} if len(local) > 1 else {}
        self._hidden = HiddenAddresses(hidden or {}, words=words, public=self._public)
        self._forms: _Forms | None = None
        self._login_sent = False
        self._known: dict[tuple[str, bool], _Redacted] = {}
        self._decisive: dict[str, Span] = {}

    def __repr__(self) -> str:
        return "Redactor()"

    def add(self, secret: str) -> None:
        """Add a secret, such as the answer to a challenge."""
        self._secrets.append(secret)
        self._known.clear()
        self._forms = None

    def login_sent(self) -> None:
        """From now on, show only the code of a reply that may contain an echo in an unknown form."""
        self._login_sent = True
        self._known.clear()

    def keep(self, text: str, decisive: Span) -> None:
        """Mark the part of a clean text that led to the verdict; later cuts keep it."""
        self._decisive[text] = decisive

    def shown(self, text: str, *, limit: int = SERVER_TEXT, from_client: bool = False) -> str:
        """Return ``text`` redacted and cut to ``limit`` characters.

        ``from_client``: the client wrote the text, so that an unknown form of an echo is impossible.
        """
        return self.quotation(text, from_client=from_client).cut(limit)

    def quotation(self, text: str, *, from_client: bool = False) -> Quotation:
        """Return ``text`` redacted but not cut, with its deciding words marked."""
        redacted = self._known.get((text, from_client))
        if redacted is None:
            redacted = self._known[text, from_client] = self._redacted(text, from_client=from_client)
        return Quotation(redacted.text, redacted.span(self._decisive.get(text, (0, 0))))

    def _redacted(self, raw: str, *, from_client: bool) -> "_Redacted":
        text = clean(raw[:_READ])
        forms = self._forms
        if forms is None and (self._secrets or self._secret_user):
            forms = self._forms = _Forms(self._secrets, self._username, self._secret_user, self._public)
        has_labels = forms is not None or bool(self._hidden)
        end = len(text) - _TAIL if has_labels and len(text) >= _LONG_TEXT else len(text)
        redacted = _Redacted(text, self._labels(text, forms) if has_labels else (), end)
        if has_labels and self._login_sent and not from_client and _is_doubtful(redacted.text, forms):
            codes = _CODES.match(redacted.text)
            return _Redacted(codes[0] if codes else MASK)
        if end < len(text) or len(raw) > _READ:
            redacted.text = redacted.text.rstrip() + MARK
        return redacted

    def _labels(self, text: str, forms: "_Forms | None") -> list[Label]:
        """Return each span to hide, with its replacement."""
        labels: list[Label] = []
        encoded: list[Label] = []
        least = min(
            forms.least if forms else sys.maxsize, self._hidden.least if self._hidden else sys.maxsize
        )
        for reading in readings_of(text):
            if forms is not None:
                for span in forms.found_in(reading):
                    labels.append((span, MASK))
                for begin, end in forms.base64.found_in(reading.folded):
                    encoded.append((reading.span_of_folded(begin, end), MASK))
            if self._hidden:
                labels += self._hidden.spans_in(reading)
            for found in _LONG_TOKEN.finditer(reading.text):
                begin, end = found.span()
                if (end - begin) * 3 >= least * 4 and (label := self._label_of_base64(found[0], forms)):
                    encoded.append((reading.span(begin, end), label))
        if encoded:
            # the whole token is hidden, because its ends may be pieces too
            tokens = [it.span() for it in _TOKEN.finditer(text)]
            labels += [(_widened(span, tokens), label) for span, label in encoded]
        return labels

    def _label_of_base64(self, token: str, forms: "_Forms | None") -> str:
        """Return the replacement for a base64 token with hidden content; empty if it has none."""
        for decoded in _decoded(token):
            if forms is not None and forms.any_plain_in(decoded):
                return MASK
            if self._hidden and decoded.isprintable() and (label := self._hidden.label_of(decoded)):
                return label
        return ""


class _Forms:
    """The forms of the secrets to search for."""

    def __init__(self, secrets: Iterable[str], username: str, secret_user: str, public: list[str]) -> None:
        """Write down the forms. A ``secret_user`` is a secret, but its parts in ``public`` are not."""
        self._plain, self._hex, self.base64, self._doubtful = Pieces(), Pieces(), Pieces(), Pieces()
        self.least = sys.maxsize
        """The fewest octets of base64 that may contain a secret."""
        known = list(map(secret_forms.compact, public))
        short: list[str] = []
        for secret in (*secrets, *([secret_user] if secret_user else ())):
            secret_forms.add_base64(self.base64, secret, username=username)
            if len(secret) <= LONG:
                domain = [secret_forms.compact(secret).rpartition("@")[2]] if "@" in secret else []
                secret_forms.add_doubtful(self._doubtful, secret, but_of=[*known, *domain])
            if len(secret) < LEAST:
                short += secret_forms.alone(secret)
                continue
            self.least = min(self.least, RUN, len(secret))
            secret_forms.add_hex(self._hex, secret)
        for secret in secrets:
            if len(secret) >= LEAST:
                secret_forms.add_plain(self._plain, secret)
        if len(secret_user) >= LEAST:
            secret_forms.add_plain(self._plain, secret_user, but_of=known)
        words = "|".join(map(re.escape, sorted(short, key=len, reverse=True)))
        self._alone = re.compile(rf"(?<!\w)(?:{words})(?!\w)", re.IGNORECASE) if words else None

    def found_in(self, reading: Reading) -> Iterator[Span]:
        """Yield the spans of secrets, except those in base64."""
        for begin, end in self._plain.found_in(reading.folded):
            yield reading.span_of_folded(begin, end)
        for begin, end in self._hex.found_in(reading.digits):
            yield reading.span_of_digits(begin, end)
        if self._alone is not None:
            for found in self._alone.finditer(reading.text):
                yield reading.span(*found.span())

    def any_plain_in(self, text: str) -> bool:
        """Return whether the text contains a secret as it is, or with escapes."""
        return any(self._plain.found_in(reading.folded) for reading in readings_of(text))

    def any_doubtful_in(self, text: str) -> bool:
        """Return whether the text contains a piece that is too short to be masked, but may be an echo."""
        return bool(self._doubtful.found_in(secret_forms.compact(text)))


def _is_doubtful(shown: str, forms: _Forms | None) -> bool:
    """Return whether a reply may contain an echo in an unknown form."""
    if forms is not None and forms.any_doubtful_in(shown):
        return True
    if shown.startswith(_CHALLENGE):  # always base64, by the protocol
        return False
    if _ESCAPED.search(shown):
        return True
    octets = [bytes.fromhex(re.sub("[ :-]", "", it[0])).decode("latin-1") for it in _HEX.finditer(shown)]
    texts = [text for it in _BASE64_TEXT.finditer(shown) for text in _decoded(it[0])]
    return any(len(it) >= _UNKNOWN and it.isascii() and it.isprintable() for it in (*octets, *texts))


def _decoded(token: str) -> Iterator[str]:
    """Yield the decoded token, from each of its first four characters, without the NULs of UTF-16."""
    token = token.rstrip("=").replace("-", "+").replace("_", "/")
    if len(token) < _BASE64:
        return
    for start in range(4):
        part = token[start:]
        try:
            raw = base64.b64decode(part[: len(part) - (len(part) % 4 == 1)] + "==")
        except (binascii.Error, ValueError):
            continue
        yield raw.replace(b"\0", b"").decode("latin-1")


def _widened(span: Span, tokens: list[Span]) -> Span:
    """Extend the span to the ends of the tokens that it overlaps."""
    begin, end = span
    first = bisect_right(tokens, (begin, end)) - 1
    if first >= 0 and tokens[first][1] > begin:
        begin = tokens[first][0]
    last = bisect_right(tokens, (end, 0)) - 1
    if last >= 0 and tokens[last][1] > end:
        end = tokens[last][1]
    return begin, end


class _Redacted:
    """A text up to ``end`` in which labels replace the spans. If spans overlap, a mask wins."""

    def __init__(self, text: str, labels: Iterable[Label] = (), end: int = sys.maxsize) -> None:
        merged: list[Label] = []
        for (begin, stop), label in sorted(labels):
            if merged:
                (before, reached), other = merged[-1]
                if begin < reached or (begin == reached and label == other):
                    merged[-1] = ((before, max(stop, reached)), MASK if MASK in (label, other) else other)
                    continue
            merged.append(((begin, stop), label))
        self._labels = merged
        shown, at = [], 0
        for (begin, stop), label in merged:
            if begin >= end:
                break
            shown += [text[at:begin], label]
            at = stop
        self.text = "".join([*shown, text[at:end]])

    def span(self, span: Span) -> Span:
        """Return the span in the redacted text of a part of the original, including overlapping labels."""
        begin, end = span
        if begin >= end:
            return 0, 0
        size = len(self.text)
        return min(self._moved(begin, past=False), size), min(self._moved(end, past=True), size)

    def _moved(self, at: int, *, past: bool) -> int:
        """Return the new position of ``at``; inside a label, its end if ``past``, else its start."""
        shift = 0
        for (begin, stop), label in self._labels:
            if stop <= at:
                shift += len(label) - (stop - begin)
            elif begin < at:
                return begin + shift + (len(label) if past else 0)
            else:
                break
        return at + shift
