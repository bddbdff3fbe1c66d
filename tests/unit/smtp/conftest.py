# SPDX-License-Identifier: Apache-2.0
"""What the tests of the engine share; ``smtp_testkit.mailpeers.trial`` has the rest."""

from collections.abc import AsyncIterator

import pytest

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.mailpeers.trial import Trial


@pytest.fixture
def trial() -> Trial:
    """Runs one test of mail settings; what a test does not name is plain, anonymous, to one recipient."""
    return Trial()


@pytest.fixture
async def mailserver() -> AsyncIterator[MailServer]:
    """A friendly server that knows bob by the password ``s3cret-pw``."""
    async with MailServer(users={"bob": "s3cret-pw"}) as server:
        yield server
