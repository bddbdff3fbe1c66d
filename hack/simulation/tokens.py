# SPDX-License-Identifier: Apache-2.0
"""Access tokens without a token endpoint."""

from collections.abc import Hashable

from smtp_operator.api.objects import Reference
from smtp_operator.api.smtpconfig import OAuth2
from smtp_operator.api.verdict import VerdictError
from smtp_operator.secrets.interface import ResolvedPassword
from smtp_operator.secrets.oauth2 import SOURCE, ResolvedToken, described
from smtp_operator.secrets.object_values import ObjectValues


class SimulatedTokens:
    """Gives a token to whoever names a Secret that is there. ``dropped`` has the keys of those rejected."""

    def __init__(self) -> None:
        self.fails_with: VerdictError | None = None
        self.dropped: list[Hashable] = []

    async def resolve(self, oauth2: OAuth2, namespace: str, values: ObjectValues) -> ResolvedToken:
        """See ``Tokens``."""
        if self.fails_with is not None:
            raise self.fails_with
        assert oauth2.client_secret_ref is not None
        secret = Reference("Secret", namespace, oauth2.client_secret_ref.name)
        line = await values.line(secret, oauth2.client_secret_ref.key, field_path="oauth2.clientSecretRef")
        password = ResolvedPassword(
            value=f"token by {line.text}",
            source=SOURCE,
            reference=described(oauth2),
            origin=f"access token of client {oauth2.client_id}",
            message="There is an access token.",
        )
        giver = await values.get(secret, field_path="oauth2.clientSecretRef")
        return ResolvedToken(password=password, key=(namespace, oauth2.client_id), givers=(giver,))

    def drop(self, key: Hashable) -> None:
        """See ``Tokens``."""
        self.dropped.append(key)
