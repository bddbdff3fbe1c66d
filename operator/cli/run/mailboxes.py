# SPDX-License-Identifier: Apache-2.0
"""The reader of mailboxes, whose libraries are imported when the first mailbox is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smtp_operator.network.destination import DestinationPolicy
from smtp_operator.network.resolver import Resolver
from smtp_operator.smtp.concurrency import ConnectionLimits

if TYPE_CHECKING:
    from smtp_operator.imap.engine import MailboxEngine


class Mailboxes:
    """Creates the reader once."""

    def __init__(
        self, policy: DestinationPolicy, resolver: Resolver, per_destination: int, ca_file: str | None
    ) -> None:
        self._policy = policy
        self._resolver = resolver
        self._per_destination = per_destination
        self._ca_file = ca_file
        self._engine: MailboxEngine | None = None

    def reader(self) -> MailboxEngine:
        """Return the reader."""
        if self._engine is None:
            from smtp_operator.imap.engine import MailboxEngine

            self._engine = MailboxEngine(
                policy=self._policy,
                resolver=self._resolver,
                connections=ConnectionLimits(self._per_destination),
                ca_file=self._ca_file,
            )
        return self._engine

    def close(self) -> None:
        """Read no more."""
        if self._engine is not None:
            self._engine.close()
