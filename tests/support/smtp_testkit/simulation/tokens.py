# SPDX-License-Identifier: Apache-2.0
"""Access tokens without a token endpoint."""

import asyncio
from collections.abc import Hashable

from smtp_operator.api.objects import JsonObject, Reference
from smtp_operator.api.server_fields import OAuth2
from smtp_operator.api.verdict import VerdictError
from smtp_operator.secrets.interfaces import ResolvedPassword
from smtp_operator.secrets.oauth2.client import SOURCE, ResolvedToken, described
from smtp_operator.secrets.secret_reader import SecretReader
from smtp_operator.secrets.service_accounts import (
    AccountUse,
    NoServiceAccounts,
    ServiceAccounts,
    allowed_account,
)


class SimulatedTokens:
    """Issues a token for an existing Secret, or for a ServiceAccount that allows it.

    ``dropped`` has the keys of rejected tokens.
    """

    def __init__(self) -> None:
        self._accounts: ServiceAccounts = NoServiceAccounts()
        self.fails_with: VerdictError | None = None
        self.latency = 0.0
        """Seconds that the identity provider takes per token."""
        self.dropped: list[Hashable] = []

    def by(self, accounts: ServiceAccounts) -> "SimulatedTokens":
        """Return a token provider that reads ServiceAccounts with this function."""
        self._accounts = accounts
        return self

    async def resolve(self, oauth2: OAuth2, namespace: str, values: SecretReader) -> ResolvedToken:
        """See ``TokenProvider``."""
        await asyncio.sleep(self.latency)
        if self.fails_with is not None:
            raise self.fails_with
        if oauth2.service_account_ref is not None:
            account = oauth2.service_account_ref
            use = AccountUse(namespace=namespace, name=account.name, audience=account.audience)
            giver = await allowed_account(self._accounts, use, values.note)
            return _token(oauth2, namespace, str(use), giver)
        assert oauth2.client_secret_ref is not None
        secret = Reference("Secret", namespace, oauth2.client_secret_ref.name)
        line = await values.line(secret, oauth2.client_secret_ref.key, field_path="oauth2.clientSecretRef")
        giver = await values.get(secret, field_path="oauth2.clientSecretRef")
        return _token(oauth2, namespace, line.text, giver)

    def drop(self, key: Hashable) -> None:
        """See ``TokenProvider``."""
        self.dropped.append(key)


def _token(oauth2: OAuth2, namespace: str, by: str, giver: JsonObject) -> ResolvedToken:
    password = ResolvedPassword(
        value=f"token by {by}",
        source=SOURCE,
        reference=described(oauth2),
        origin=f"access token of client {oauth2.client_id}",
        message="There is an access token.",
    )
    return ResolvedToken(password=password, key=(namespace, oauth2.client_id), credential_objects=(giver,))
