# SPDX-License-Identifier: Apache-2.0
"""A token endpoint that knows one client, and who asks it."""

from collections.abc import Iterator

import pytest

from smtp_operator.network.https import Https
from smtp_operator.secrets.oauth2.client import TokenCache
from smtp_testkit.mailpeers.tokenserver import TokenServer
from smtp_testkit.mailpeers.tokentrial import CLIENT, POLICY, SECRET, Accounts, TokenTrial
from smtp_testkit.mailpeers.trial import Names


@pytest.fixture
def trial() -> Iterator[TokenTrial]:
    names, accounts = Names(), Accounts()
    https = Https(policy=POLICY, resolver=names)
    with TokenServer.running(secrets={CLIENT: SECRET}) as endpoint:
        tokens = TokenCache(
            https=https, accounts=accounts, monotonic=lambda: made.time, now=lambda: made.wall_clock
        )
        made = TokenTrial(endpoint, names, https, accounts, tokens)
        made.secret("mail-app", {"client-secret": SECRET, "refresh-token": "1//c4nary-Refresh"})
        yield made
    https.close()
