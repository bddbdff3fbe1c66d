# SPDX-License-Identifier: Apache-2.0
"""Whether a login may be tried: too many of the same user may have been rejected."""

from typing import Protocol

from smtp_operator.network.destination import Address
from smtp_operator.smtp.request import SmtpLogin


class LoginPermit(Protocol):
    """Asked once per dialogue, right before AUTH."""

    async def before_login(self, server: str, address: Address, login: SmtpLogin) -> None:
        """Wait until the login may be tried.

        Raises:
            Ended: it may not be tried now; the verdict says when.
        """
        ...

    def after_login(self, *, accepted: bool, rejected: bool) -> None:
        """Take note of how it ended; neither: the server could not tell."""
        ...
