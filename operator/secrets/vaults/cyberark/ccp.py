# SPDX-License-Identifier: Apache-2.0
"""CyberArk Central Credential Provider: ``GET /AIMWebService/api/Accounts``.

There is no separate login: each request has the AppID, and CyberArk authenticates it by the client's
certificate, its address, or both. Between requests, only password changes in progress are remembered.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import urlsplit

from smtp_operator.api.password import CyberArkPassword
from smtp_operator.api.reasons import Reason
from smtp_operator.api.vault_blocks import CyberArkCcp
from smtp_operator.api.verdict import VerdictError, cut
from smtp_operator.network.https import HttpsResponse
from smtp_operator.network.tls import ClientCertificate
from smtp_operator.secrets.untrusted_json import json_object_or_none
from smtp_operator.secrets.vaults.cyberark.ccp_errors import changing, no_json, refused
from smtp_operator.secrets.vaults.https_client import VaultHttps
from smtp_operator.secrets.vaults.provider import VaultContext, VaultSecret
from smtp_operator.secrets.vaults.request_context import RequestContext
from smtp_operator.secrets.vaults.values import vault_secret

CHECK_OBJECT: Final = "smtp-operator-login-check"
"""Object that a check requests. It does not exist: "not found" proves that CyberArk accepts the AppID."""

_AFTER_LOGIN: Final = frozenset(
    {Reason.VAULT_SECRET_NOT_FOUND, Reason.VAULT_SECRET_AMBIGUOUS, Reason.VAULT_SECRET_CHANGING}
)
_PATIENCE: Final = 300.0
"""Seconds to wait for the end of a password change; CyberArk does not always clear the flag."""
_FORGOTTEN: Final = 900.0
"""Seconds after which a password change counts as a new one."""

_Query = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Change:
    """A password change, with the times when it was observed first and last."""

    first: float
    last: float


class CyberArkCcpVault:
    """See ``VaultProvider``."""

    def __init__(self, block: CyberArkCcp, context: VaultContext) -> None:
        self._block = block
        self._context = context
        self._https = VaultHttps(context, block.url, field="cyberArkCCP.url")
        self._changes: dict[_Query, _Change] = {}

    async def read(self, item: object) -> VaultSecret:
        """Return the account's password. CyberArk has no version numbers, so each test reads it again."""
        assert isinstance(item, CyberArkPassword)
        query = _query(item)
        asked = self._asked(_described(query))
        answer = await self._ask(query)
        body = _account(answer, asked)
        content = body.get("Content")
        if not isinstance(content, str):
            raise asked.failed(
                Reason.VAULT_SECRET_UNUSABLE,
                f"the {asked.item} has no password in CyberArk. Set one there, or select"
                " another account in password.cyberArk.",
            )
        secret = vault_secret(content, where=f"{asked.vault}: the password of {asked.item}")
        return self._checked(query, body, secret, asked)

    async def check(self) -> str:
        """Request a missing object; CyberArk reports it as missing only to an accepted AppID."""
        query = (("Object", CHECK_OBJECT),)
        asked = self._asked(_described(query))
        answer = await self._ask(query)
        try:
            _account(answer, asked)
        except VerdictError as error:
            if error.verdict.reason not in _AFTER_LOGIN:
                raise
        by = f" with the certificate in {asked.credential}" if asked.credential else ""
        return f"The CCP at {urlsplit(self._https.base).netloc} accepts AppID {asked.client}{by}."

    async def close(self) -> None:
        """Forget the observed password changes."""
        self._changes.clear()

    def _asked(self, account: str) -> RequestContext:
        reference = self._block.client_certificate_ref
        return replace(
            self._https.asked,
            client=cut(self._block.app_id, limit=100),
            credential=f"Secret {reference.name}" if reference else "",
            item=cut(account, limit=300),
        )

    async def _ask(self, query: _Query) -> HttpsResponse:
        return await self._https.send(
            "GET",
            (self._block.web_service, "api", "Accounts"),
            query={"AppID": self._block.app_id, **dict(query)},
            client_certificate=await self._certificate(),
        )

    async def _certificate(self) -> ClientCertificate | None:
        reference = self._block.client_certificate_ref
        if reference is None:
            return None
        return await self._context.credentials.client_certificate(
            reference.name, goes_to=self._block.url, field_path="cyberArkCCP.clientCertificateRef"
        )

    def _checked(
        self, query: _Query, body: Mapping[str, Any], secret: VaultSecret, asked: RequestContext
    ) -> VaultSecret:
        """Wait for a password change in progress: the password may be the old or the new one."""
        if str(body.get("PasswordChangeInProcess", "")).lower() != "true":
            self._changes.pop(query, None)
            return secret
        now = self._context.monotonic()
        known = {it: change for it, change in self._changes.items() if now - change.last < _FORGOTTEN}
        first = known[query].first if query in known else now
        self._changes = known | {query: _Change(first, now)}
        if now - first < _PATIENCE:
            raise changing(asked, "PasswordChangeInProcess")
        return VaultSecret(
            value=secret.value,
            reason=Reason.VAULT_SECRET_CHANGING,
            message=f"{asked.vault}: CyberArk has been changing the password of {asked.item} for"
            " minutes. The operator read it anyway. Ask CyberArk's administrators whether the"
            " change hangs.",
        )


def _query(item: CyberArkPassword) -> _Query:
    """Return the query parameters of CyberArk."""
    named = (
        ("Safe", item.safe),
        ("Folder", item.folder),
        ("Object", item.object),
        ("UserName", item.username),
        ("Address", item.address),
    )
    return tuple((name, value) for name, value in named if value is not None)


def _described(query: _Query) -> str:
    """Return text such as ``account with safe Mail, object smtp-relay``."""
    return "account with " + ", ".join(f"{name.lower()} {value}" for name, value in query)


def _account(answer: HttpsResponse, asked: RequestContext) -> dict[str, Any]:
    if answer.status != 200:
        raise refused(answer, asked)
    body = json_object_or_none(answer.body)
    if body is None:
        raise no_json(answer, asked)
    if "ErrorCode" in body and "Content" not in body:
        raise refused(answer, asked)
    return body
