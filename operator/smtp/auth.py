# SPDX-License-Identifier: Apache-2.0
"""The login mechanisms (RFC 4954): what the client sends, one line after the other.

A mechanism is a generator: it yields a line with what of it may be shown, and is sent the reply. One
more mechanism is one more generator in ``MECHANISMS``, in the order in which ``Auto`` prefers them.
"""

import base64
import binascii
import hmac
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Final

from smtp_operator.smtp.redaction import MASK
from smtp_operator.smtp.replies import Reply
from smtp_operator.smtp.settings import Login


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the client, and how the transcript shows it."""

    words: tuple[bytes, ...] = field(repr=False)
    shown: str
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """What the server may echo of it, beside what follows from the password alone."""


Mechanism = Callable[[Login], Generator[Line, Reply, None]]


class ChallengeInvalid(Exception):
    """The server's challenge is not base64."""


def _base64(text: str | bytes) -> bytes:
    return base64.b64encode(text.encode() if isinstance(text, str) else text)


def _plain(login: Login) -> Generator[Line, Reply, None]:
    """RFC 4616."""
    blob = _base64(f"\0{login.username}\0{login.password}")
    yield Line((b"AUTH", b"PLAIN", blob), f"AUTH PLAIN {MASK}")


def _login(login: Login) -> Generator[Line, Reply, None]:
    """As draft-murchison-sasl-login has it, the user name on a line of its own: some servers want that."""
    yield Line((b"AUTH", b"LOGIN"), "AUTH LOGIN")
    yield Line((_base64(login.username),), MASK)
    yield Line((_base64(login.password),), MASK)


def _cram_md5(login: Login) -> Generator[Line, Reply, None]:
    """RFC 2195."""
    reply = yield Line((b"AUTH", b"CRAM-MD5"), "AUTH CRAM-MD5")
    try:
        challenge = base64.b64decode(reply.text, validate=True)
    except (binascii.Error, ValueError):
        raise ChallengeInvalid from None
    digest = hmac.new(login.password.encode(), challenge, "md5").hexdigest()
    answer = _base64(f"{login.username} {digest}")
    yield Line((answer,), MASK, (digest, answer.decode()))  # a guess could be checked against it


MECHANISMS: Final[dict[str, Mechanism]] = {"PLAIN": _plain, "LOGIN": _login, "CRAM-MD5": _cram_md5}


def choose(wanted: str, offered: tuple[str, ...]) -> str | None:
    """The mechanism to use: ``wanted`` if it is offered, with ``Auto`` the first known one that is."""
    known = MECHANISMS if wanted == "Auto" else (wanted,)
    return next((name for name in known if name in offered and name in MECHANISMS), None)
