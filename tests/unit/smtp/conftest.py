# SPDX-License-Identifier: Apache-2.0
"""Fixtures for the tests of the engine, in addition to ``smtp_testkit.mailpeers.trial``."""

from collections.abc import AsyncIterator

import pytest

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.mailpeers.trial import Trial


@pytest.fixture
def trial() -> Trial:
    """Run a test of mail settings; by default without TLS and login, to one recipient."""
    return Trial()


@pytest.fixture
async def mailserver() -> AsyncIterator[MailServer]:
    """Start a mail server with the user bob and the password ``s3cret-pw``."""
    async with MailServer(users={"bob": "s3cret-pw"}) as server:
        yield server
