# SPDX-License-Identifier: Apache-2.0
"""Explain why HashiCorp Vault or OpenBao refused a login or a read, by status and error text.

The error text is matched, because the status alone says little, but never shown: it may repeat what was
sent. If the two products differ, the patterns cover both.
"""

import re
from typing import Any, Final

from smtp_operator.api.reasons import Reason, Retry
from smtp_operator.api.verdict import VerdictError
from smtp_operator.network.https import HttpsResponse
from smtp_operator.secrets.untrusted_json import json_object_or_none
from smtp_operator.secrets.vaults.errors import retry_after
from smtp_operator.secrets.vaults.request_context import RequestContext

URL_FIELD: Final = "hashiCorpVault.url"
MOUNT_FIELD: Final = "hashiCorpVault.mount"
AUTH_FIELD: Final = "hashiCorpVault.auth"

_PAUSE: Final = 30.0
"""Seconds to wait if a vault asks for a pause without a duration."""
_UNKNOWN: Final = "?"
"""In place of a claim that a message may not show."""
_STANDBY: Final = (472, 473)
_NO_NAMESPACE: Final = "namespace not found"
_INSPECTED: Final = 8192
"""Maximum characters of an error that are inspected."""
_ACL: Final = re.compile(r"\b1 error occurred:\s*\* permission denied\b")


def json_body(answer: HttpsResponse) -> dict[str, Any] | None:
    """Return the JSON object of the answer; None: not a JSON object."""
    return json_object_or_none(answer.body)


def errors(answer: HttpsResponse) -> str:
    """Return the vault's error text in lower case, only for matching."""
    found = (json_body(answer) or {}).get("errors")
    if not isinstance(found, list):
        return ""
    return " ".join(it for it in found if isinstance(it, str))[:_INSPECTED].lower()


def refused_by_policy(answer: HttpsResponse) -> bool:
    """Return whether a 403 proves that the token is valid: only then does the vault check its policies."""
    return answer.status == 403 and _ACL.search(errors(answer)) is not None


def within(asked: RequestContext) -> str:
    """Return the namespace as a suffix for mounts and policies."""
    return f' in namespace "{asked.namespace}"' if asked.namespace else ""


def general_error(answer: HttpsResponse, asked: RequestContext, now: float) -> VerdictError | None:
    """Return the verdict for an error unrelated to the request; None: it is an answer to the request.

    ``now`` is in seconds since the epoch.
    """
    status, said = answer.status, errors(answer)
    wait = retry_after(answer.headers, now)
    if status == 429:
        return asked.rate_limited("(429)", reply="429", retry_after=_PAUSE if wait is None else wait)
    if status in (307, 308) and "/v1/" in answer.headers.get("location", ""):
        return asked.failed(
            Reason.VAULT_UNAVAILABLE,
            f"{asked.server} is a standby node that redirects to the active node ({status}); the operator"
            f" does not follow redirects. It retries automatically. If this persists, set {URL_FIELD} to the"
            " address of the active node.",
            reply=str(status),
            retry_after=wait,
        )
    if status == 503 and "sealed" in said:
        return asked.failed(
            Reason.VAULT_UNAVAILABLE,
            f"{asked.server} is sealed (503). Ask the vault's operators to unseal it; the operator then"
            " retries automatically.",
            reply="503",
            retry_after=wait,
        )
    if status >= 500 or status in _STANDBY or (status == 412 and json_body(answer) is not None):
        what = "returned an internal error" if status >= 500 else "is not ready"
        what = f"{asked.server} {what} ({status})"
        return asked.temporary(Reason.VAULT_UNAVAILABLE, what, reply=str(status), retry_after=wait)
    if status >= 300 and (json_body(answer) is None or status < 400):
        return _no_vault(answer, asked)
    return None


def not_understood(answer: HttpsResponse, asked: RequestContext, what: str) -> VerdictError:
    """Return the verdict for a successful answer without the expected content."""
    if json_body(answer) is None and "json" not in answer.headers.get("content-type", ""):
        return _no_vault(answer, asked)
    status, size = answer.status, len(answer.body)
    return asked.temporary(
        Reason.VAULT_RESPONSE_INVALID,
        f"{asked.server} answered ({status}) with {size} bytes that are not {what}",
        reply=str(status),
    )


def _no_vault(answer: HttpsResponse, asked: RequestContext) -> VerdictError:
    fix = (
        f"Set {URL_FIELD} to the URL of the vault itself, without /v1 and /ui, not to a web page or a login"
        " proxy."
    )
    return asked.other_server(answer, "a vault", fix)


_JWT_REFUSALS: Final[tuple[tuple[re.Pattern[str], str], ...]] = (
    (
        re.compile("permission denied|no handler for route"),
        'no auth method at "{mount}"{within} accepts it. Set hashiCorpVault.auth.jwt.mount to a path'
        ' that "bao auth list" shows. A kubernetes auth method answers the same if its token reviewer'
        " may not review tokens; any method does if token_bound_cidrs excludes this client's address.",
    ),
    (
        re.compile('role ".{,500}" could not be found|invalid role name'),
        'auth/{mount} has no role "{role}"{within}. Set hashiCorpVault.auth.jwt.role to an existing'
        " role, or create this one.",
    ),
    (
        re.compile("audience"),
        'role "{role}" does not expect audience "{audience}". Set'
        " hashiCorpVault.auth.jwt.serviceAccountRef.audience to the audience that it expects, or add"
        ' "{audience}" to the audiences of auth/{mount}/role/{role}.',
    ),
    (
        re.compile("subject|not authorized"),
        'role "{role}" does not accept "{subject}". Set hashiCorpVault.auth.jwt.role to a role for it,'
        " or allow it in auth/{mount}/role/{role} (bound_subject, or with kubernetes"
        " bound_service_account_names and bound_service_account_namespaces).",
    ),
    (
        re.compile("issuer"),
        'auth/{mount} expects another issuer than this cluster\'s, "{issuer}". Set bound_issuer or'
        " oidc_discovery_url of auth/{mount}/config to it.",
    ),
    (
        re.compile("expired|not yet valid|issued in the future"),
        "the token has expired or is not valid yet. Check the clocks of the vault and the cluster.",
    ),
    (
        re.compile("signature"),
        "auth/{mount} does not know the key that signs this cluster's tokens. Set jwks_url,"
        " oidc_discovery_url or jwt_validation_pubkeys of auth/{mount}/config to this cluster's.",
    ),
    (
        re.compile("claim"),
        'the token of "{subject}" does not have the claims that role "{role}" requires. Correct'
        " bound_claims of auth/{mount}/role/{role}.",
    ),
    (
        re.compile(""),
        'the vault\'s log says why. Check that auth/{mount}/role/{role} accepts "{subject}".',
    ),
)
"""Patterns of a vault's errors about a ServiceAccount's token, in lower case; the first match counts."""


def jwt_refused(answer: HttpsResponse, asked: RequestContext, *, mount: str, role: str) -> VerdictError:
    """Return the verdict for a refused login with a ServiceAccount's token."""
    said = errors(answer)
    if _NO_NAMESPACE in said:
        return _no_namespace(answer, asked)
    why = next(text for pattern, text in _JWT_REFUSALS if pattern.search(said))
    why = why.format(
        mount=mount,
        role=role,
        within=within(asked),
        subject=asked.claims.subject or _UNKNOWN,
        issuer=asked.claims.issuer or _UNKNOWN,
        audience=asked.claims.audience,
    )
    text = f'refused the login as role "{role}" ({answer.status}): {why}'
    return _auth_failed(answer, asked, text)


def app_role_refused(answer: HttpsResponse, asked: RequestContext) -> VerdictError:
    """Return the verdict for a refused login with AppRole."""
    said, field = errors(answer), f"{AUTH_FIELD}.appRole"
    if _NO_NAMESPACE in said:
        return _no_namespace(answer, asked)
    if "cidr" in said:
        return asked.failed(
            Reason.VAULT_NETWORK_DENIED,
            f"{asked.server} refused the login by AppRole ({answer.status}): it does not"
            " accept this client's address. Add the cluster's egress address to secret_id_bound_cidrs of"
            " the AppRole.",
            reply=str(answer.status),
        )
    if answer.status == 404 or "permission denied" in said:
        why = (
            f'no auth method at "approle"{within(asked)} accepts it. Enable it there (bao auth enable'
            " approle), and check token_bound_cidrs of the AppRole."
        )
    elif "secret" in said or "role" in said:
        why = (
            f"the role ID or secret ID is wrong, expired or used up. Set {AUTH_FIELD}.appRole.roleId to the"
            " ID of the AppRole, and store a new secret ID (bao write -f auth/approle/role/NAME/secret-id)"
            f" in the Secret that {field}.secretIdRef names."
        )
    else:
        why = "the vault's log says why. Check the AppRole there."
    return _auth_failed(answer, asked, f"refused the login by AppRole ({answer.status}): {why}")


def token_refused(answer: HttpsResponse, asked: RequestContext) -> VerdictError:
    """Return the verdict for a token that the vault does not accept."""
    if _NO_NAMESPACE in errors(answer):
        return _no_namespace(answer, asked)
    return _auth_failed(
        answer,
        asked,
        f"does not accept the token that {AUTH_FIELD}.tokenRef names ({answer.status}): it is wrong,"
        " expired, revoked, or belongs to another namespace. Store a new one in that Secret.",
    )


def _no_namespace(answer: HttpsResponse, asked: RequestContext) -> VerdictError:
    return _auth_failed(
        answer,
        asked,
        f'has no namespace "{asked.namespace}" ({answer.status}). Set hashiCorpVault.namespace to the'
        " full path of an existing namespace, or remove it.",
    )


def _auth_failed(answer: HttpsResponse, asked: RequestContext, text: str) -> VerdictError:
    return asked.failed(Reason.VAULT_AUTH_FAILED, f"{asked.server} {text}", reply=str(answer.status))


def read_refused(
    answer: HttpsResponse, asked: RequestContext, *, mount: str, path: str, version: int | None
) -> VerdictError:
    """Return the verdict for a failed read at a path."""
    whole, said = f"{mount}/data/{path}", errors(answer)
    if answer.status == 403:
        return asked.failed(
            Reason.VAULT_ACCESS_DENIED,
            f"{asked.server} does not let {asked.client} read {path} of mount {mount} (403). Add to its"
            f' policy{within(asked)}: path "{whole}" {{ capabilities = ["read"] }} Also check'
            f" {MOUNT_FIELD}.",
            reply="403",
        )
    if answer.status != 404:
        return asked.failed(
            Reason.VAULT_REQUEST_INVALID,
            f"{asked.server} rejects the request for {path} of mount {mount}"
            f" ({answer.status}). Set {MOUNT_FIELD} to the mount of a KV version 2 engine.",
            retry=Retry.CONFIGURATION,
            reply=str(answer.status),
        )
    if "no handler for route" in said or "route entry not found" in said:
        what = (
            f'nothing is mounted at "{mount}"{within(asked)}. Set {MOUNT_FIELD} to the mount of the KV'
            ' engine, as "bao secrets list" shows it.'
        )
    elif _NO_NAMESPACE in said:
        return _no_namespace(answer, asked)
    elif version is not None:
        what = (
            f"there is no version {version} of {path} in mount {mount}{within(asked)}. Check the path. Set"
            " password.hashiCorpVault.version to an existing version, or remove it to read the newest."
        )
    else:
        what = (
            f"there is no {path} in mount {mount}{within(asked)}. Set password.hashiCorpVault.path to the"
            f" path below the mount, without data/, or write the secret. If {mount} is a KV version 1"
            " engine: only version 2 is supported."
        )
    return asked.failed(Reason.VAULT_SECRET_NOT_FOUND, what, reply="404")
