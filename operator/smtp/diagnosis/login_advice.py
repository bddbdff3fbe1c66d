# SPDX-License-Identifier: Apache-2.0
"""Advice after a refused login that does not depend on the server's words."""

import base64
import binascii
from dataclasses import dataclass
from typing import Final

from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import Phase, Suggestion
from smtp_operator.smtp.auth import choose
from smtp_operator.smtp.diagnosis.context import DialogueContext
from smtp_operator.smtp.diagnosis.verdicts import sentences

_LEAST: Final = 8
"""Characters of base64 that a password has at least before it counts as encoded."""
_QUOTES: Final = "\"'`\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}"
_UNUSUAL: Final = (
    "The password has an unusual form. Check whether it was stored with quotes or blanks around it, encoded "
    "with base64 twice, or with non-ASCII characters"
)
_MECHANISM: Final = "The settings force {mechanism}, and the server offers other mechanisms"
_AUTO: Final = "Set authMechanism: Auto"
_OF_THE_PASSWORD: Final = frozenset(
    {Reason.AUTHENTICATION_FAILED, Reason.APP_PASSWORD_REQUIRED, Reason.AUTH_CONNECTION_DROPPED}
)
_OF_THE_MECHANISM: Final = frozenset(
    {
        Reason.AUTHENTICATION_FAILED,
        Reason.AUTH_MECHANISM_UNSUPPORTED,
        Reason.AUTH_TEMPORARY_FAILURE,
        Reason.AUTH_NOT_OFFERED,
        Reason.AUTH_CONNECTION_DROPPED,
    }
)
"""Reasons that another mechanism may avoid: a server may know no plaintext password, as CRAM-MD5 needs."""


def is_unusual(password: str) -> bool:
    """Return whether the form of a password suggests that it was stored wrongly.

    The answer is the same for all forms, and says nothing about the value.
    """
    quoted = len(password) > 1 and password[0] in _QUOTES and password[-1] in _QUOTES
    return quoted or password != password.strip() or not password.isascii() or _is_encoded(password)


def _is_encoded(password: str) -> bool:
    if len(password) < _LEAST or len(password) % 4:
        return False
    try:
        inner = base64.b64decode(password, validate=True).decode("ascii")
    except (binascii.Error, ValueError):
        return False
    return inner.rstrip("\r\n").isprintable()


def other_mechanism(context: DialogueContext) -> str | None:
    """Return the mechanism that ``Auto`` would choose instead of the forced one; None if there is none."""
    if context.auth_mechanism == "Auto":
        return None
    others = tuple(name for name in context.mechanisms if name != context.auth_mechanism)
    return choose("Auto", others, by_token=context.by_token)


@dataclass(frozen=True, slots=True)
class LoginHint:
    """Additions to the verdict on a refused login."""

    why: str = ""
    fix: str = ""
    """Replaces the fix of the verdict; empty: keep it."""
    suggestion: Suggestion | None = None


def login_hint(context: DialogueContext, phase: Phase, reason: Reason) -> LoginHint:
    """Return the hint for a verdict with ``reason`` in ``phase``; it may be empty."""
    if phase is not Phase.AUTH:
        return LoginHint()
    unusual = _UNUSUAL if reason in _OF_THE_PASSWORD and context.unusual_password else ""
    if reason in _OF_THE_MECHANISM and other_mechanism(context) is not None:
        forced = _MECHANISM.format(mechanism=context.auth_mechanism)
        check = ", and check the username and password" if reason in _OF_THE_PASSWORD else ""
        return LoginHint(sentences(forced, unusual), _AUTO + check, Suggestion(auth_mechanism="Auto"))
    return LoginHint(unusual)
