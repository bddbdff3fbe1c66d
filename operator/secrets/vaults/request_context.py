# SPDX-License-Identifier: Apache-2.0
"""Describe a request to a vault, for the messages of all providers: who asked which server for what."""

import re
from dataclasses import dataclass, field
from typing import Final

from smtp_operator.api.reasons import Reason, Retry
from smtp_operator.api.verdict import VerdictError, failed
from smtp_operator.network.https import HttpsResponse
from smtp_operator.secrets.untrusted_json import claims_of

_SHOWN: Final = re.compile(r"[\x21-\x7e]{1,253}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenClaims:
    """The claims of a ServiceAccount's token; empty if a message may not show them."""

    issuer: str = ""
    subject: str = ""
    audience: str = ""

    @classmethod
    def of(cls, token: str, *, audience: str) -> "TokenClaims":
        """Return the claims of this token, unverified; ``audience`` is the one that was requested."""
        claims = claims_of(token)
        issued_for = claims.get("aud")
        first = issued_for[0] if isinstance(issued_for, list) and issued_for else issued_for
        return cls(
            issuer=_shown(claims.get("iss")),
            subject=_shown(claims.get("sub")),
            audience=_shown(first) or audience,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestContext:
    """Client, server and item of a request; messages may show all values."""

    vault: str
    """The vault object: ``SmtpVault team-a/corp-kv``."""
    server: str
    """Host or URL of the server that is asked."""
    namespace: str = ""
    """The tenant of Entra ID, account of Conjur, or namespace of HashiCorp Vault; empty: the only one."""
    client: str = ""
    """The identity: ``client 6731de76``, an AppID, or ``host/smtp-operator``."""
    auth: str = ""
    """The block of spec with the login, such as ``azureKeyVault.auth.servicePrincipal``."""
    method: str = ""
    """The server's name of the login method, such as ``authn-jwt/kubernetes``."""
    credential: str = ""
    """The client's credential, such as ``Secret vault-app, key client-secret``; empty: none."""
    claims: TokenClaims = field(default_factory=TokenClaims)
    """The claims of the client's ServiceAccount token, if it presents one."""
    item: str = ""
    """The item that is read; empty: only the login."""
    version: str = ""

    def failed(
        self,
        reason: Reason,
        what: str,
        *,
        reply: str = "",
        retry: Retry | None = None,
        retry_after: float | None = None,
    ) -> VerdictError:
        """Return the verdict for this request. ``what`` says what happened, and how to fix it."""
        return failed(reason, f"{self.vault}: {what}", reply=reply, retry=retry, retry_after=retry_after)

    def temporary(
        self, reason: Reason, what: str, *, reply: str = "", retry_after: float | None = None
    ) -> VerdictError:
        """Return the verdict for an error that passes without a change of the configuration."""
        advice = "No action needed; the operator retries automatically."
        return self.failed(reason, f"{what}. {advice}", reply=reply, retry_after=retry_after)

    def rate_limited(self, response: str, *, reply: str, retry_after: float | None) -> VerdictError:
        """Return the verdict for a server that limits the request rate, as ``response`` shows."""
        return self.failed(
            Reason.VAULT_RATE_LIMITED,
            f"{self.server} limits the request rate {response}. The operator retries automatically. To send"
            " fewer requests, set a longer recheck.interval in the SmtpConfigs.",
            reply=reply,
            retry_after=retry_after,
        )

    def other_server(self, answer: HttpsResponse, product: str, fix: str) -> VerdictError:
        """Return the verdict for a server that is not ``product``, such as "a CCP"."""
        return self.failed(
            Reason.VAULT_ENDPOINT_INVALID,
            f"{self.server} answers {answer.status}, but not as {product} does. {fix}",
            reply=str(answer.status),
        )


def _shown(claim: object) -> str:
    return claim if isinstance(claim, str) and _SHOWN.fullmatch(claim) else ""
