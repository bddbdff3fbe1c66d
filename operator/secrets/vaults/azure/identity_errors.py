# SPDX-License-Identifier: Apache-2.0
"""Explain why Entra ID or the metadata service issued no token: which field to set, by AADSTS number."""

from typing import Final

from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import VerdictError
from smtp_operator.network.https import HttpsResponse
from smtp_operator.network.https_errors import HttpsError
from smtp_operator.secrets.oauth2.token_response import token_error
from smtp_operator.secrets.vaults.azure.endpoints import AUTHORITY_FIELD
from smtp_operator.secrets.vaults.errors import http_error, identity_unreachable, retry_after
from smtp_operator.secrets.vaults.request_context import RequestContext

_PRIVATE_ISSUER: Final = "kubernetes.default"


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


def refused(answer: HttpsResponse, asked: RequestContext, now: float) -> VerdictError:
    """Return the verdict for an answer without a token; ``now`` is in seconds since the epoch."""
    error = token_error(answer)
    reply = f"{answer.status} {error.code}".rstrip()
    wait = retry_after(answer.headers, now)
    response = f"[{http_error(answer.status, error.code)}]"
    if answer.status == 429:
        return asked.temporary(
            Reason.VAULT_RATE_LIMITED,
            f"{asked.server} limits the rate of token requests {response}",
            retry_after=wait,
        )
    if error.temporary:
        return asked.temporary(
            Reason.IDENTITY_PROVIDER_UNREACHABLE,
            f"{asked.server} returned a temporary error {response}",
            retry_after=wait,
        )
    if not error.name:
        return asked.other_server(
            answer,
            "Entra ID",
            "A proxy or login page may be in between. Set azureKeyVault.authorityHost:"
            " https://login.microsoftonline.com",
        )
    hint = _BY_NUMBER.get(error.number, "")
    if not hint:
        hint = (
            "Correct {auth}.clientId, {auth}.tenantId and the credential; Entra ID's sign-in logs"
            " show the cause"
        )
    if (
        asked.claims.issuer.removeprefix("https://").startswith(_PRIVATE_ISSUER)
        and error.number in _ISSUER_NUMBERS
    ):
        hint += _NO_ISSUER
    text = hint.format(
        auth=asked.auth,
        credential=asked.credential,
        issuer=asked.claims.issuer or "the cluster's own",
        subject=asked.claims.subject or asked.credential,
        audience=asked.claims.audience,
    )
    return asked.failed(
        Reason.VAULT_AUTH_FAILED,
        f"{asked.server} refused the login of {asked.client} {response}. {text}.",
        reply=reply,
    )


def metadata_refused(answer: HttpsResponse, asked: RequestContext, now: float) -> VerdictError:
    """Return the verdict for a refusal of the metadata service; ``now`` is in seconds since the epoch."""
    if answer.status == 429 or answer.status >= 500 or answer.status in (404, 410):
        return asked.temporary(
            Reason.IDENTITY_PROVIDER_UNREACHABLE,
            f"the machine's metadata service returned an error ({answer.status})",
            retry_after=retry_after(answer.headers, now),
        )
    which = asked.credential or "a managed identity"
    choice = f", or set {asked.auth}.clientId to an identity that it has" if asked.credential else ""
    return asked.failed(
        Reason.IDENTITY_UNAVAILABLE,
        f"the machine that the operator runs on does not have {which}"
        f" [{http_error(answer.status)}]. Assign it to the node pool's machines{choice}.",
    )


def no_metadata(asked: RequestContext) -> VerdictError:
    """Return the verdict for a missing metadata service."""
    return asked.failed(
        Reason.IDENTITY_UNAVAILABLE,
        "no metadata service answers at 169.254.169.254, so the operator has no managed"
        " identity. It does not run on an Azure machine, or a NetworkPolicy blocks that address. Use"
        " azureKeyVault.auth.workloadIdentity or servicePrincipal instead.",
    )


def metadata_denied(asked: RequestContext) -> VerdictError:
    """Return the verdict for a metadata service that the operator's flags deny."""
    return asked.failed(
        Reason.IDENTITY_UNAVAILABLE,
        "the operator may not ask the metadata service for its managed identity: its"
        " --deny-network names 169.254.169.254, or its --allow-network does not. Use"
        " azureKeyVault.auth.workloadIdentity or servicePrincipal instead, or ask the cluster admin to"
        " allow that address in these flags.",
    )


def unreachable(error: HttpsError, asked: RequestContext) -> VerdictError:
    """Return the verdict if Entra ID did not answer."""
    return identity_unreachable(error, vault=asked.vault, field=AUTHORITY_FIELD)
