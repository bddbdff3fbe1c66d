# SPDX-License-Identifier: Apache-2.0
"""Permission to log in: the server may have rejected too many logins of the same user."""

from typing import Protocol

from smtp_operator.network.destination import Address
from smtp_operator.smtp.request import SmtpLogin


class LoginPermit(Protocol):
    """Asked once per dialogue, right before AUTH."""

    async def before_login(self, server: str, address: Address, login: SmtpLogin) -> None:
        """Wait until a login is allowed.

        Raises:
            DialogueEnded: no login is allowed now; the verdict says when.
        """
        ...

    def after_login(self, *, accepted: bool, rejected: bool) -> None:
        """Record the result. Neither: the server could not check the login."""
        ...
