# SPDX-License-Identifier: Apache-2.0
"""Fixes that name a port: never the port and the type that the settings already have."""

from typing import Final

from smtp_operator.api.verdict import SmtpType
from smtp_operator.smtp.diagnosis.context import DialogueContext

_SUBMISSION: Final = ((587, SmtpType.START_TLS), (465, SmtpType.TLS))
_TLS_PORTS: Final = (465, 2465)


def submission(context: DialogueContext) -> str:
    """Return the submission ports other than the present one: ``Set port: …, or port: …``."""
    others = [f"port: {port} with smtpType: {kind}" for port, kind in _SUBMISSION if port != context.port]
    return f"Set {', or '.join(others)}"


def and_start_tls_port(context: DialogueContext) -> str:
    """Return ``, and set port: 587``, or nothing on that port."""
    return "" if context.port == 587 else ", and set port: 587"


def login_port(context: DialogueContext) -> str:
    """Return the settings with which most servers offer a login, as far as they are not set yet."""
    types = "" if context.smtp_type is SmtpType.START_TLS else "smtpType: StartTLS"
    port = "" if context.port == 587 else "port: 587"
    return " and ".join(filter(None, (types, port)))


def tls_port(context: DialogueContext) -> str:
    """Return the settings for TLS from the first byte: the type, and the port if it is another one."""
    return "smtpType: TLS" if context.port in _TLS_PORTS else "smtpType: TLS with port: 465"
