# SPDX-License-Identifier: Apache-2.0
"""The login mechanisms (RFC 4954).

A mechanism is a generator: it yields a line and the form in which it may be shown, and receives the reply. To
add a mechanism, add a generator to ``MECHANISMS``, in the order of preference of ``Auto``.
"""

import base64
import binascii
import hmac
import json
from collections.abc import Callable, Generator
from dataclasses import dataclass, field
from typing import Final

from smtp_operator.smtp.redaction.redactor import MASK
from smtp_operator.smtp.replies import Reply, clean
from smtp_operator.smtp.request import SmtpLogin


@dataclass(frozen=True, slots=True)
class AuthStep:
    """A line that the client sends, and its form in the transcript."""

    words: tuple[bytes, ...] = field(repr=False)
    shown: str
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """Texts that the server may echo, in addition to forms of the password."""


Mechanism = Callable[[SmtpLogin], Generator[AuthStep, Reply, None]]


class ChallengeInvalid(Exception):
    """The server's challenge is not base64."""


_LONGEST_COMMAND: Final = 512
"""Octets of a command line with CRLF (RFC 5321 section 4.5.3.1.4)."""


def _initial(mechanism: str, response: bytes, *secrets: str) -> Generator[AuthStep, Reply, Reply]:
    """Send AUTH with its initial response, or in two steps if that line is too long (RFC 4954 section 4).

    Return the reply to the response.
    """
    name = mechanism.encode()
    if len(b"AUTH  \r\n") + len(name) + len(response) <= _LONGEST_COMMAND:
        return (yield AuthStep((b"AUTH", name, response), f"AUTH {mechanism} {MASK}", secrets))
    yield AuthStep((b"AUTH", name), f"AUTH {mechanism}")
    return (yield AuthStep((response,), MASK, secrets))


def _base64(text: str | bytes) -> bytes:
    return base64.b64encode(text.encode() if isinstance(text, str) else text)


def _plain(login: SmtpLogin) -> Generator[AuthStep, Reply, None]:
    """Log in with PLAIN (RFC 4616)."""
    blob = _base64(f"\0{login.username}\0{login.password}")
    yield from _initial("PLAIN", blob)


def _login(login: SmtpLogin) -> Generator[AuthStep, Reply, None]:
    """Log in with LOGIN (draft-murchison-sasl-login).

    The username has its own line, as some servers require.
    """
    yield AuthStep((b"AUTH", b"LOGIN"), "AUTH LOGIN")
    yield AuthStep((_base64(login.username),), MASK)
    yield AuthStep((_base64(login.password),), MASK)


def _cram_md5(login: SmtpLogin) -> Generator[AuthStep, Reply, None]:
    """Log in with CRAM-MD5 (RFC 2195)."""
    reply = yield AuthStep((b"AUTH", b"CRAM-MD5"), "AUTH CRAM-MD5")
    try:
        challenge = base64.b64decode(reply.text, validate=True)
    except (binascii.Error, ValueError):
        raise ChallengeInvalid from None
    digest = hmac.new(login.password.encode(), challenge, "md5").hexdigest()
    answer = _base64(f"{login.username} {digest}")
    yield AuthStep((answer,), MASK, (digest, answer.decode()))  # a password guess could be checked against it


def _xoauth2(login: SmtpLogin) -> Generator[AuthStep, Reply, None]:
    """Log in with XOAUTH2 of Google and Microsoft. A 334 is an error; the answer is an empty line."""
    blob = _base64(f"user={login.username}\1auth=Bearer {login.password}\1\1")
    yield from _initial("XOAUTH2", blob, blob.decode())
    yield AuthStep((b"",), "(an empty line)")


def _oauthbearer(login: SmtpLogin) -> Generator[AuthStep, Reply, None]:
    """Log in with OAUTHBEARER (RFC 7628). The answer to an error is in section 3.2.3."""
    name = login.username.replace("=", "=3D").replace(",", "=2C")
    blob = _base64(f"n,a={name},\1auth=Bearer {login.password}\1\1")
    yield from _initial("OAUTHBEARER", blob, blob.decode())
    yield AuthStep((b"AQ==",), "AQ==")


_OF_A_PASSWORD: Final[dict[str, Mechanism]] = {"PLAIN": _plain, "LOGIN": _login, "CRAM-MD5": _cram_md5}
_OF_A_TOKEN: Final[dict[str, Mechanism]] = {"XOAUTH2": _xoauth2, "OAUTHBEARER": _oauthbearer}

MECHANISMS: Final[dict[str, Mechanism]] = _OF_A_PASSWORD | _OF_A_TOKEN


def choose(wanted: str, offered: tuple[str, ...], *, by_token: bool = False) -> str | None:
    """Return ``wanted`` if it is offered and usable; for ``Auto``, the first such mechanism; else None."""
    fit = _OF_A_TOKEN if by_token else _OF_A_PASSWORD
    return next((name for name in fit if name in offered and wanted in {"Auto", name}), None)


def token_error(challenge: Reply) -> str:
    """Return the status and the required scope in the 334 reply to a token, or an empty text.

    The text is not cut: redaction could not find a piece of a secret at the cut.
    """
    try:
        told = json.loads(base64.b64decode(challenge.text, validate=True))
    except (ValueError, RecursionError):
        return ""
    if not isinstance(told, dict):
        return ""
    named = ((name, clean(str(told.get(name, "")))) for name in ("status", "scope"))
    return ", ".join(f"{name} {value}" for name, value in named if value)
