# SPDX-License-Identifier: Apache-2.0
"""Whether a mail may still be sent: meanwhile somebody else may have come to send it."""

from typing import Protocol


class SendPermit(Protocol):
    """Asked twice for each mail. Whatever it raises, the mail is not delivered."""

    async def acquire(self) -> None:
        """Awaited right before DATA. It may take as long as it likes, which is not the test's time."""
        ...

    def check(self) -> None:
        """Called when the server wants the mail: without its final dot no server delivers it."""
        ...
