# SPDX-License-Identifier: Apache-2.0
"""What every source of passwords gives, and what it is given."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from smtp_operator.api.objects import JsonObject, Reference
from smtp_operator.api.password import Password
from smtp_operator.api.reasons import Reason

GetObject = Callable[[Reference], Awaitable[JsonObject]]
"""Reads one object with its data.

Raises:
    ObjectNotFound, AccessDenied, ApiUnavailable
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """The mail server that a password is for."""

    server: str
    port: int
    verified_tls: bool
    """Whether it is sent over TLS with a certificate that is checked, and not otherwise."""
    server_name: str | None = None
    """The name that the certificate must be for, where it is not ``server``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadObject:
    """An object as it was when something was read out of it; nothing of its data."""

    object_: JsonObject | None
    """Its kind and metadata; None: there was none."""
    at: float
    """Seconds since the epoch."""
    data_keys: tuple[str, ...] = ()
    """What was read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedPassword:
    """A password, held no longer than the test that it is for."""

    value: str = field(repr=False)
    source: str
    """Input type, as in ``status.password.source``."""
    reference: str
    """Where it was read, such as ``smtp-password/password``."""
    origin: str
    """The same in words, for messages: ``Secret smtp-password, key password``."""
    version: str | None = None
    expires: datetime | None = None
    """When it ends, with time zone; None: the source does not say."""
    reason: Reason = Reason.PASSWORD_READ
    """Reason of the condition PasswordResolved=True."""
    message: str = ""


class PasswordSource(Protocol):
    """One input type of ``spec.password``."""

    async def resolve(self, password: Password, namespace: str) -> ResolvedPassword:
        """Reads the password.

        Raises:
            VerdictError: it cannot be read; the verdict names the object and what to do.
        """
        ...
