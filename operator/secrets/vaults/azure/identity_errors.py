# SPDX-License-Identifier: Apache-2.0
"""Explain why Entra ID or the metadata service issued no token: which field to set, by AADSTS number."""

from dataclasses import dataclass
from typing import Final

from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import VerdictError, failed
from smtp_operator.network.https import HttpsResponse
from smtp_operator.network.https_errors import HttpsError
from smtp_operator.secrets.oauth2.token_response import token_error
from smtp_operator.secrets.untrusted_json import claims_of
from smtp_operator.secrets.vaults.azure.endpoints import AUTHORITY_FIELD
from smtp_operator.secrets.vaults.errors import http_error, identity_unreachable, retry_after

_PRIVATE_ISSUER: Final = "kubernetes.default"


@dataclass(frozen=True, slots=True, kw_only=True)
class IdentityRequestContext:
    """The identity and hosts of a token request; all values may be shown."""

    vault: str
    """The vault object."""
    host: str
    """Host of Entra ID."""
    key_vault: str
    """Host of the vault that the token is for."""
    auth: str
    """The block of spec, such as ``azureKeyVault.auth.servicePrincipal``."""
    client: str
    tenant: str = ""
    credential: str = ""
    """For example, ``Secret vault-app, key client-secret``."""
    issuer: str = ""
    """Issuer of the ServiceAccount's token; the next two are also from this token."""
    subject: str = ""
    audience: str = ""

    @property
    def identity(self) -> str:
        """Return the identity as text."""
        if self.tenant:
            return f"client {self.client}"
        return "the operator's managed identity" + (f" {self.client}" if self.client else "")

    @property
    def hint_values(self) -> dict[str, str]:
        """Return the values for the hints."""
        return {
            "auth": self.auth,
            "tenant": self.tenant,
            "credential": self.credential,
            "issuer": self.issuer or "the cluster's own",
            "subject": self.subject,
            "audience": self.audience,
        }


_FEDERATED: Final = (
    'The application has no federated credential for subject "{subject}". Add one in Entra ID with this'
    ' subject, issuer "{issuer}" and audience "{audience}"'
)
_CERTIFICATE: Final = (
    "The application does not have this certificate. Upload the certificate in {credential} to it,"
    " under Certificates"
)
_TENANT: Final = "There is no such tenant in this cloud. Correct {auth}.tenantId or " + AUTHORITY_FIELD

_BY_NUMBER: Final[dict[str, str]] = {
    "7000215": "The client secret is wrong. Store the secret's value in {credential}, not its ID",
    "7000222": "The client secret has expired. Create a new one in Entra ID and store its value in"
    " {credential}",
    "7000216": "The application requires another kind of credential. Create a client secret or certificate"
    " for it",
    "7000112": "The application is disabled in its tenant. Ask its administrator to enable it",
    "700016": "The tenant has no such application. Set {auth}.clientId to its Application (client) ID, and"
    " {auth}.tenantId to the tenant where it is registered",
    "700027": _CERTIFICATE,
    "700030": "The certificate in {credential} is not accepted by Entra ID. Upload another one to the"
    " application",
    "90002": _TENANT,
    "900023": _TENANT,
    "90038": _TENANT,
    "900382": _TENANT,
    "53003": "A Conditional Access policy of the tenant blocks this application from here. Ask its"
    " administrator to allow the cluster's egress address",
    "70021": _FEDERATED,
    "700211": 'The application has no federated credential with issuer "{issuer}". Set its issuer in Entra'
    " ID to this one",
    "700212": 'The application has no federated credential with audience "{audience}". Set'
    " {auth}.serviceAccountRef.audience to the one it lists, usually api://AzureADTokenExchange",
    "700213": _FEDERATED,
    "7002138": 'The application\'s federated credential writes the subject "{subject}" in a different case.'
    " Set it there to exactly this subject",
    "7002131": _FEDERATED,
    "700024": "The ServiceAccount's token has expired or is not valid yet. Check the clocks of the control"
    " plane nodes",
    "50013": "Entra ID cannot check the signature of the ServiceAccount's token. Publish the cluster's keys"
    ' under "{issuer}"',
    "500011": "The tenant has no Key Vault service. Register its resource provider there, or correct"
    " {auth}.tenantId",
}
_ISSUER_NUMBERS: Final = frozenset({"70021", "700211", "700213", "7002131", "50013"})
_NO_ISSUER: Final = (
    ". That issuer is inside the cluster, where Entra ID cannot fetch its keys: give the API server a public"
    " --service-account-issuer (on AKS: az aks update --enable-oidc-issuer)"
)


def refused(answer: HttpsResponse, asked: IdentityRequestContext, now: float) -> VerdictError:
    """Return the verdict for an answer without a token; ``now`` is in seconds since the epoch."""
    error = token_error(answer)
    reply = f"{answer.status} {error.code}".rstrip()
    who = f"{asked.vault}: {asked.host}"
    response = f"[{http_error(answer.status, error.code)}]"
    if answer.status == 429:
        return failed(
            Reason.VAULT_RATE_LIMITED,
            f"{who} limits the rate of token requests {response}. No action needed; the operator"
            " retries automatically.",
            retry_after=retry_after(answer.headers, now),
        )
    if error.temporary:
        return failed(
            Reason.IDENTITY_PROVIDER_UNREACHABLE,
            f"{who} returned a temporary error {response}. No action needed; the operator"
            " retries automatically.",
            retry_after=retry_after(answer.headers, now),
        )
    if not error.name:
        return failed(
            Reason.VAULT_ENDPOINT_INVALID,
            f"{who} answered {answer.status}, but not as Entra ID does; a proxy or login page may be in"
            " between. Set azureKeyVault.authorityHost: https://login.microsoftonline.com",
        )
    hint = _BY_NUMBER.get(error.number, "")
    if not hint:
        hint = (
            "Correct {auth}.clientId, {auth}.tenantId and the credential; Entra ID's sign-in logs"
            " show the cause"
        )
    if asked.issuer.removeprefix("https://").startswith(_PRIVATE_ISSUER) and error.number in _ISSUER_NUMBERS:
        hint += _NO_ISSUER
    text = hint.format_map(asked.hint_values)
    return failed(
        Reason.VAULT_AUTH_FAILED,
        f"{who} refused the login of client {asked.client} {response}. {text}.",
        reply=reply,
    )


def tenant_malformed(asked: IdentityRequestContext) -> VerdictError:
    """Return the verdict for an invalid ``tenantId``."""
    return failed(
        Reason.VAULT_REQUEST_INVALID,
        f"{asked.vault}: tenantId is not valid. Set {asked.auth}.tenantId to the Directory (tenant) ID or a"
        " domain of the tenant.",
    )


def certificate_unusable(asked: IdentityRequestContext) -> VerdictError:
    """Return the verdict for a certificate without an RSA key."""
    return failed(
        Reason.CLIENT_CERTIFICATE_INVALID,
        f"{asked.vault}: the key in {asked.credential} is not an RSA key, but Entra ID accepts only RSA"
        " keys. Store an RSA key and its certificate there.",
    )


def metadata_refused(answer: HttpsResponse, asked: IdentityRequestContext, now: float) -> VerdictError:
    """Return the verdict for a refusal of the metadata service; ``now`` is in seconds since the epoch."""
    if answer.status == 429 or answer.status >= 500 or answer.status in (404, 410):
        return failed(
            Reason.IDENTITY_PROVIDER_UNREACHABLE,
            f"{asked.vault}: the machine's metadata service returned an error ({answer.status}). No action"
            " needed; the operator retries automatically.",
            retry_after=retry_after(answer.headers, now),
        )
    which = f"the identity {asked.client}" if asked.client else "a managed identity"
    choice = f", or set {asked.auth}.clientId to an identity that it has" if asked.client else ""
    return failed(
        Reason.IDENTITY_UNAVAILABLE,
        f"{asked.vault}: the machine that the operator runs on does not have {which}"
        f" [{http_error(answer.status)}]. Assign it to the node pool's machines{choice}.",
    )


def no_metadata(asked: IdentityRequestContext) -> VerdictError:
    """Return the verdict for a missing metadata service."""
    return failed(
        Reason.IDENTITY_UNAVAILABLE,
        f"{asked.vault}: no metadata service answers at 169.254.169.254, so the operator has no managed"
        " identity. It does not run on an Azure machine, or a NetworkPolicy blocks that address. Use"
        " azureKeyVault.auth.workloadIdentity or servicePrincipal instead.",
    )


def metadata_denied(vault: str) -> VerdictError:
    """Return the verdict for a metadata service that the operator's flags deny."""
    return failed(
        Reason.IDENTITY_UNAVAILABLE,
        f"{vault}: the operator may not ask the metadata service for its managed identity: its"
        " --deny-network names 169.254.169.254, or its --allow-network does not. Use"
        " azureKeyVault.auth.workloadIdentity or servicePrincipal instead, or ask the cluster admin to"
        " allow that address in these flags.",
    )


def unreachable(error: HttpsError, asked: IdentityRequestContext) -> VerdictError:
    """Return the verdict if Entra ID did not answer."""
    return identity_unreachable(error, vault=asked.vault, field=AUTHORITY_FIELD)


def shown_claims(token: str) -> tuple[str, str, str]:
    """Return issuer, subject and audience of a JWT for display, unverified; empty if missing."""
    claims = claims_of(token)
    audiences = claims.get("aud")
    audience = audiences[0] if isinstance(audiences, list) and audiences else audiences
    return _shown(claims.get("iss")), _shown(claims.get("sub")), _shown(audience)


def _shown(value: object) -> str:
    return value if isinstance(value, str) and value.isprintable() and len(value) <= 200 else ""
