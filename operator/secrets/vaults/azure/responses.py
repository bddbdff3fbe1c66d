# SPDX-License-Identifier: Apache-2.0
"""Interpret Azure Key Vault's answers: a secret, or an error by status and codes, never by its text.

Only addresses and IDs are taken from its texts, if they have the expected form.
"""

import ipaddress
import re
from collections.abc import Mapping
from typing import Any, Final

from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import VerdictError
from smtp_operator.network.https import HttpsResponse
from smtp_operator.secrets.untrusted_json import json_object
from smtp_operator.secrets.vaults.azure.endpoints import AUTHORITY_FIELD, URL_FIELD
from smtp_operator.secrets.vaults.errors import http_error, retry_after
from smtp_operator.secrets.vaults.request_context import RequestContext

_ID: Final = re.compile(r"https://[^/\s]+/secrets/[0-9a-zA-Z-]{1,127}/[0-9a-f]{32}")
_CODE: Final = re.compile(r"(?:[A-Z][a-z]+){1,8}")
"""Azure's codes: words without digits, so that no sent value can look like a code."""
_GUID: Final = r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
_OBJECT: Final = re.compile(rf"\boid=({_GUID})")
_TENANT: Final = re.compile(rf"Expected one of https://[^/\s]+/({_GUID})/")
_ADDRESS: Final = re.compile(r"Client address: ([0-9a-fA-F:.]{2,45})")
_TENANT_NAME: Final = re.compile(r"[0-9A-Za-z.-]{1,64}")
_AKV: Final = re.compile(r"\bAKV\d{5}\b")
_LAST_SECOND: Final = 253402300799
"""End of the year 9999, the last second that a datetime supports."""


def is_secret(answer: HttpsResponse) -> bool:
    """Return whether the body is a secret in the format that the SDK expects."""
    body = json_object(answer.body)
    attributes = body.get("attributes")
    return (
        answer.status == 200
        and isinstance(body.get("value"), str)
        and isinstance(body.get("id"), str)
        and _ID.fullmatch(body["id"]) is not None
        and isinstance(attributes, dict)
        and all(_is_time(attributes.get(name)) for name in ("exp", "nbf", "created", "updated"))
        and body.get("managed") in (None, True, False)
        and isinstance(body.get("contentType"), str | None)
    )


def is_unknown_version(answer: HttpsResponse) -> bool:
    """Return whether the secret does not exist: only an identity with read permission gets this answer."""
    return answer.status == 404 and _codes(answer)[0] == "SecretNotFound"


def is_not_permitted(answer: HttpsResponse) -> bool:
    """Return whether roles do not permit this secret; they may permit others."""
    return answer.status == 403 and _codes(answer)[1] == "ForbiddenByRbac"


def refused(answer: HttpsResponse, reader: RequestContext, now: float) -> VerdictError:
    """Return the verdict for an answer without a secret; ``now`` is in seconds since the epoch."""
    code, inner, text = _codes(answer)
    shown_code = inner or _akv(text) or code
    reply = f"{answer.status} {shown_code}".rstrip()
    response = f"[{http_error(answer.status, shown_code)}]"
    if answer.status == 429:
        return reader.rate_limited(response, reply=reply, retry_after=retry_after(answer.headers, now))
    if answer.status >= 500:
        return reader.temporary(
            Reason.VAULT_UNAVAILABLE,
            f"{reader.server} returned an internal error {response}",
            reply=reply,
            retry_after=retry_after(answer.headers, now),
        )
    if not code:
        return _no_key_vault(answer, reader)
    if answer.status == 401:
        return _not_logged_in(reader, text, response, reply)
    if answer.status == 403:
        return _forbidden(reader, inner, text, response, reply)
    if code == "SecretNotFound":
        return _not_found(reader, response, reply)
    return reader.failed(
        Reason.VAULT_REQUEST_INVALID,
        f"{reader.server} rejects the request as invalid {response}. Azure Stack Hub and old appliances may"
        " not support this API version; ask their administrator.",
        reply=reply,
    )


def _no_key_vault(answer: HttpsResponse, reader: RequestContext) -> VerdictError:
    if answer.status == 200 and b"<" not in answer.body[:64]:
        what = f"{reader.server} answered with {len(answer.body)} bytes that are not a secret"
        return reader.temporary(Reason.VAULT_RESPONSE_INVALID, what)
    fix = "A proxy or login page may be in between. Set azureKeyVault.vaultUrl: https://NAME.vault.azure.net"
    return reader.other_server(answer, "a Key Vault", fix)


def other_tenant(reader: RequestContext, tenant: str) -> VerdictError:
    """Return the verdict for a vault of another tenant; ``tenant`` is its name, if known."""
    named = tenant if _TENANT_NAME.fullmatch(tenant) else ""
    location = f"is in tenant {named}" if named else "is in another tenant"
    if not reader.namespace:
        return reader.failed(
            Reason.VAULT_TENANT_MISMATCH,
            f"{reader.server} {location} than {reader.client}. Use an identity of the vault's tenant.",
        )
    which = named or "the one that the vault's overview shows (Directory ID)"
    return reader.failed(
        Reason.VAULT_TENANT_MISMATCH,
        f"{reader.server} {location}, but tenantId is {reader.namespace}. Set"
        f" {reader.auth}.tenantId to {which}, with an application of that tenant.",
    )


def _not_logged_in(reader: RequestContext, text: str, response: str, reply: str) -> VerdictError:
    if _akv(text) == "AKV10032":
        found = _TENANT.search(text)
        return other_tenant(reader, found[1] if found else "")
    return reader.failed(
        Reason.VAULT_AUTH_FAILED,
        f"{reader.server} does not accept the token of {reader.client} {response}. Check that"
        f" {URL_FIELD} and {AUTHORITY_FIELD} belong to the same cloud, and that the identity belongs to the"
        " vault's tenant.",
        reply=reply,
    )


def _forbidden(reader: RequestContext, inner: str, text: str, response: str, reply: str) -> VerdictError:
    what = f"secret {reader.item}" if reader.item else "secrets"
    whom = reader.client + (f" (object ID {found[1]})" if (found := _OBJECT.search(text)) else "")
    who = reader.server
    match inner:
        case "SecretDisabled":
            return reader.failed(
                Reason.VAULT_SECRET_DISABLED,
                f"{who}: {_named(reader)} is disabled {response}. Enable it in the Key Vault, or set"
                " password.azureKeyVault.version to an enabled version.",
                reply=reply,
            )
        case "ForbiddenByFirewall" | "ForbiddenByConnection":
            return reader.failed(
                Reason.VAULT_NETWORK_DENIED,
                f"{who}: its firewall blocks the operator{_from(text)} {response}. Allow the cluster's egress"
                " address in the Key Vault's networking, or give the cluster a private endpoint.",
                reply=reply,
            )
        case "ForbiddenByRbac":
            fix = (
                'Assign it the role "Key Vault Secrets User" on the vault or the secret. It takes effect'
                " within ten minutes."
            )
        case "AccessDenied":
            fix = 'Add an access policy for it with the secret permission "Get".'
        case _:
            fix = (
                'Assign it the role "Key Vault Secrets User", or add an access policy with the'
                ' permission "Get".'
            )
    return reader.failed(
        Reason.VAULT_ACCESS_DENIED,
        f"{who} does not permit {whom} to read {what} {response}. {fix}",
        reply=reply,
    )


def _not_found(reader: RequestContext, response: str, reply: str) -> VerdictError:
    version = ", or set another password.azureKeyVault.version" if reader.version else ""
    return reader.failed(
        Reason.VAULT_SECRET_NOT_FOUND,
        f"{reader.server} has no {_named(reader)} {response}. Create or recover it in the Key"
        f" Vault, or set another password.azureKeyVault.secretName{version}.",
        reply=reply,
    )


def _named(reader: RequestContext) -> str:
    return f"secret {reader.item}" + (f", version {reader.version}" if reader.version else "")


def _from(text: str) -> str:
    found = _ADDRESS.search(text)
    try:
        return f" from {ipaddress.ip_address(found[1])}" if found else ""
    except ValueError:
        return ""


def _akv(text: str) -> str:
    found = _AKV.search(text)
    return found[0] if found else ""


def _codes(answer: HttpsResponse) -> tuple[str, str, str]:
    """Return the error's code, inner code, and text, which must not be shown."""
    error = json_object(answer.body).get("error")
    if not isinstance(error, dict):
        return "", "", ""
    inner: Any = error.get("innererror", error.get("innerError"))
    return (
        _code(error),
        _code(inner) if isinstance(inner, dict) else "",
        str(error.get("message", ""))[:4096],
    )


def _code(error: Mapping[str, Any]) -> str:
    code = error.get("code")
    return code if isinstance(code, str) and _CODE.fullmatch(code) else ""


def _is_time(value: object) -> bool:
    return value is None or (type(value) is int and 0 <= value <= _LAST_SECOND)
