# SPDX-License-Identifier: Apache-2.0
"""Permission to send: another replica may have started to send the same email."""

from collections.abc import Hashable
from typing import Protocol


class SendPermit(Protocol):
    """Asked twice for each email. If it raises, the email is not delivered."""

    async def acquire(self, destination: Hashable) -> None:
        """Wait for the permission, right before DATA. The wait does not count as time of the test.

        ``destination`` is the address and port of the mail server.
        """
        ...

    def check(self) -> None:
        """Check the permission when the server is ready for the content, before anything of it is sent."""
        ...
