# SPDX-License-Identifier: Apache-2.0
"""CyberArk Central Credential Provider: ``GET /AIMWebService/api/Accounts``.

There is no login of its own: each request carries the AppID, and CyberArk judges it by the client's
certificate, its address, or both. Nothing is kept between two requests but what a password change takes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from smtp_operator.api.password import CyberArkPassword
from smtp_operator.api.reasons import Reason
from smtp_operator.api.vault_blocks import (
    CyberArkCcp,
)
from smtp_operator.api.verdict import VerdictError, cut
from smtp_operator.network.https import HttpsResponse
from smtp_operator.network.tls import ClientCertificate
from smtp_operator.secrets.untrusted_json import json_object_or_none
from smtp_operator.secrets.vaults.cyberark.ccp_errors import CcpRequestContext, changing, no_json, refused
from smtp_operator.secrets.vaults.errors import failed
from smtp_operator.secrets.vaults.https_client import VaultHttps
from smtp_operator.secrets.vaults.provider import VaultContext, VaultSecret
from smtp_operator.secrets.vaults.values import vault_secret

CHECK_OBJECT: Final = "smtp-operator-login-check"
"""Object that a check asks for. There is none: that it is not found proves that the AppID was accepted."""

_AFTER_LOGIN: Final = frozenset(
    {Reason.VAULT_SECRET_NOT_FOUND, Reason.VAULT_SECRET_AMBIGUOUS, Reason.VAULT_SECRET_CHANGING}
)
_PATIENCE: Final = 300.0
"""Seconds that a change of a password is waited for; CyberArk forgets to end some."""
_FORGOTTEN: Final = 900.0
"""Seconds after which a change that was seen is not the one that is seen now."""

_Query = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class _Change:
    """A password change, by when it was seen first and last."""

    began: float
    seen: float


class CyberArkCcpVault:
    """See ``Vault``."""

    def __init__(self, block: CyberArkCcp, context: VaultContext) -> None:
        self._block = block
        self._context = context
        self._https = VaultHttps(context, block.url, field="cyberArkCCP.url")
        self._changes: dict[_Query, _Change] = {}

    async def read(self, item: object) -> VaultSecret:
        """The password of the account. CyberArk numbers no versions, so each test reads it anew."""
        assert isinstance(item, CyberArkPassword)
        query = _query(item)
        asked = self._asked(_described(query))
        answer = await self._ask(query)
        told = _account(answer, asked)
        content = told.get("Content")
        if not isinstance(content, str):
            raise failed(
                Reason.VAULT_SECRET_UNUSABLE,
                f"{asked.vault}: the {asked.account} has no password in CyberArk. Set one there, or select"
                " another account in password.cyberArk.",
            )
        secret = vault_secret(content, where=f"{asked.vault}: the password of {asked.account}")
        return self._judged(query, told, secret, asked)

    async def check(self) -> str:
        """Asks for an object that there is not, which CyberArk says only to an AppID that it accepts."""
        query = (("Object", CHECK_OBJECT),)
        asked = self._asked(_described(query))
        answer = await self._ask(query)
        try:
            _account(answer, asked)
        except VerdictError as error:
            if error.verdict.reason not in _AFTER_LOGIN:
                raise
        by = f" by the certificate in Secret {asked.certificate}" if asked.certificate else ""
        return f"The CCP at {urlsplit(self._https.base).netloc} accepts AppID {asked.app_id}{by}."

    async def close(self) -> None:
        """Nothing is kept that would have to be given back."""
        self._changes.clear()

    def _asked(self, account: str) -> CcpRequestContext:
        reference = self._block.client_certificate_ref
        return CcpRequestContext(
            vault=self._context.name,
            # Cut, so that there is room for what to do about it.
            url=cut(self._https.base, limit=200),
            app_id=cut(self._block.app_id, limit=100),
            certificate=reference.name if reference else None,
            account=cut(account, limit=300),
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

    def _judged(
        self, query: _Query, told: Mapping[str, Any], secret: VaultSecret, asked: CcpRequestContext
    ) -> VaultSecret:
        """While a password is being changed, it may be the old one or the new one: better wait a little."""
        if str(told.get("PasswordChangeInProcess", "")).lower() != "true":
            self._changes.pop(query, None)
            return secret
        now = self._context.monotonic()
        known = {it: change for it, change in self._changes.items() if now - change.seen < _FORGOTTEN}
        began = known[query].began if query in known else now
        self._changes = known | {query: _Change(began, now)}
        if now - began < _PATIENCE:
            raise changing(asked, "PasswordChangeInProcess")
        return VaultSecret(
            value=secret.value,
            reason=Reason.VAULT_SECRET_CHANGING,
            message=f"{asked.vault}: CyberArk has been changing the password of {asked.account} for"
            " minutes. The operator read it anyway. Ask CyberArk's administrators whether the"
            " change hangs.",
        )


def _query(item: CyberArkPassword) -> _Query:
    """Names and values as CyberArk has them."""
    named = (
        ("Safe", item.safe),
        ("Folder", item.folder),
        ("Object", item.object),
        ("UserName", item.username),
        ("Address", item.address),
    )
    return tuple((name, value) for name, value in named if value is not None)


def _described(query: _Query) -> str:
    """Such as ``account with safe Mail, object smtp-relay``."""
    return "account with " + ", ".join(f"{name.lower()} {value}" for name, value in query)


def _account(answer: HttpsResponse, asked: CcpRequestContext) -> dict[str, Any]:
    if answer.status != 200:
        raise refused(answer, asked)
    told = json_object_or_none(answer.body)
    if told is None:
        raise no_json(answer, asked)
    if "ErrorCode" in told and "Content" not in told:
        raise refused(answer, asked)
    return told
