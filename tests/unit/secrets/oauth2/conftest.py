# SPDX-License-Identifier: Apache-2.0
"""A token endpoint that knows one client, and who asks it."""

from collections.abc import Iterator

import pytest

from mailpeers.tokenserver import TokenServer
from mailpeers.tokentrial import CLIENT, POLICY, SECRET, Accounts, TokenTrial
from mailpeers.trial import Names
from smtp_operator.network.https import Https
from smtp_operator.secrets.oauth2.client import TokenCache


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
