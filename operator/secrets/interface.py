# SPDX-License-Identifier: Apache-2.0
"""What every source of passwords gives, and what it is given."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
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
