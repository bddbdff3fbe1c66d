# SPDX-License-Identifier: Apache-2.0
"""Interfaces of password sources: their inputs and results."""

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
    """Whether the password is sent only over TLS with a verified certificate."""
    server_name: str | None = None
    """The name that the certificate must have, if not ``server``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadObject:
    """An object at the time it was read, without its data."""

    object_: JsonObject | None
    """The object's kind and metadata; None: it did not exist."""
    at: float
    """Seconds since the epoch."""
    data_keys: tuple[str, ...] = ()
    """The keys that were read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedPassword:
    """A password, kept only for the duration of one test."""

    value: str = field(repr=False)
    source: str
    """Source type, as in ``status.password.source``."""
    reference: str
    """Where it was read, such as ``smtp-password/password``."""
    origin: str
    """The reference as text for messages: ``Secret smtp-password, key password``."""
    version: str | None = None
    expires: datetime | None = None
    """The expiry time, with time zone; None: unknown."""
    reason: Reason = Reason.PASSWORD_READ
    """Reason of the condition PasswordResolved=True."""
    message: str = ""


class PasswordSource(Protocol):
    """A source type of ``spec.password``."""

    async def resolve(self, password: Password, namespace: str) -> ResolvedPassword:
        """Read the password.

        Raises:
            VerdictError: the password cannot be read; the verdict names the object and the fix.
        """
        ...
