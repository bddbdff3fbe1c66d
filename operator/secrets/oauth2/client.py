# SPDX-License-Identifier: Apache-2.0
"""``spec.oauth2``: access tokens instead of a password (RFC 6749, RFC 7523).

Supports three grants: client_credentials with a client secret (Microsoft 365), refresh_token (Google), and
client_credentials with a ServiceAccount's token as the client assertion, which needs no secret. Tokens are
kept only in memory, until 5 minutes before they expire. If the endpoint issues none, or the mail server
rejects it, the endpoint gets another request after a pause, regardless of the number of SmtpConfigs.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from typing import Final
from urllib.parse import urlencode

from smtp_operator.api.fields import SecretKeyReference
from smtp_operator.api.objects import JsonObject, Reference
from smtp_operator.api.server_fields import OAuth2
from smtp_operator.api.verdict import VerdictError
from smtp_operator.network.https import HttpsRequest, HttpsSender
from smtp_operator.network.https_errors import HttpsError
from smtp_operator.network.tls import CaBundleInvalid
from smtp_operator.network.trust import ServerTrust
from smtp_operator.secrets.allowed_servers import check_destination
from smtp_operator.secrets.bindings import bindings_of, server_trust
from smtp_operator.secrets.failure_cache import HOLD_SECONDS, FailureCache
from smtp_operator.secrets.interfaces import ResolvedPassword
from smtp_operator.secrets.login_cache import CachedLogin
from smtp_operator.secrets.oauth2.errors import TokenRequestContext, bundle_invalid, refused, unreachable
from smtp_operator.secrets.oauth2.token_response import granted
from smtp_operator.secrets.secret_reader import LONGEST_LINE, LONGEST_TOKEN, SecretReader
from smtp_operator.secrets.service_accounts import AccountUse, ServiceAccounts, account_token, allowed_account
from smtp_operator.secrets.single_flight import SingleFlight

SOURCE: Final = "OAuth2"
"""Source type, as in ``status.password.source``."""

_EARLY: Final = 300.0
"""Seconds before its expiry when a token is no longer used."""
_MAX_TOKENS: Final = 1024
_ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedToken:
    """An access token as the password of a login, and the key to drop it."""

    password: ResolvedPassword
    key: Hashable
    credential_objects: tuple[JsonObject, ...]
    """The Secrets or the ServiceAccount used to obtain it, which say where it may be sent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Client:
    """An OAuth2 client: the spec and the objects that it names."""

    oauth2: OAuth2
    namespace: str
    trust: ServerTrust
    form: dict[str, str] = field(repr=False)
    """The form fields of the request, still without a ServiceAccount's token."""
    asked: TokenRequestContext
    credential_objects: tuple[JsonObject, ...]

    @property
    def key(self) -> Hashable:
        """Return the cache key of the token; clients with different keys never share a token."""
        versions = [
            (it["metadata"]["uid"], it["metadata"]["resourceVersion"]) for it in self.credential_objects
        ]
        settings = self.oauth2.model_dump_json()
        return (self.namespace, settings, tuple(versions), self.trust)


class TokenCache:
    """Obtains access tokens and caches them while they are valid; shared by all tests."""

    def __init__(
        self,
        *,
        https: HttpsSender,
        accounts: ServiceAccounts,
        monotonic: Callable[[], float],
        now: Callable[[], float],
        require_allowed_servers: bool = False,
    ) -> None:
        """``monotonic`` returns seconds of a monotonic clock, ``now`` seconds since the epoch."""
        self._https = https
        self._accounts = accounts
        self._monotonic = monotonic
        self._now = now
        self._required = require_allowed_servers
        self._tokens: dict[Hashable, CachedLogin[str]] = {}
        self._asking: SingleFlight[CachedLogin[str]] = SingleFlight()
        self._failures = FailureCache(monotonic)
        self._dropped: dict[Hashable, float] = {}

    async def resolve(self, oauth2: OAuth2, namespace: str, values: SecretReader) -> ResolvedToken:
        """Return an access token for this block.

        Raises:
            VerdictError: no token was issued; the verdict has the cause and the fix.
            ApiUnavailable: a required object could not be read from the API server.
        """
        client = await self._client(oauth2, namespace, values)
        value = await self._token(client)
        asked = client.asked
        return ResolvedToken(
            password=ResolvedPassword(
                value=value,
                source=SOURCE,
                reference=described(oauth2),
                origin=f"access token of client {asked.client_id} with {asked.credential}",
                version=client.credential_objects[0]["metadata"]["resourceVersion"],
                message=f"{asked.host} issued an access token to client {asked.client_id} with"
                f" {asked.credential}.",
            ),
            key=client.key,
            credential_objects=client.credential_objects,
        )

    def drop(self, key: Hashable) -> None:
        """Drop a token that the mail server rejected; its replacement is used for ``HOLD_SECONDS``."""
        cached = self._tokens.pop(key, None)
        now = self._monotonic()
        self._dropped = {it: at for it, at in self._dropped.items() if now < at + HOLD_SECONDS}
        since = self._dropped.setdefault(key, now)
        if cached is not None and since < now:
            self._tokens[key] = replace(cached, until=min(cached.until, since + HOLD_SECONDS))

    async def _client(self, oauth2: OAuth2, namespace: str, values: SecretReader) -> _Client:
        ca_pem = None
        if oauth2.ca_ref is not None:
            bundle = Reference(oauth2.ca_ref.kind, namespace, oauth2.ca_ref.name)
            ca_pem = await values.bundle(bundle, oauth2.ca_ref.key, field_path="oauth2.caRef")
        host, port = HttpsRequest(method="POST", url=oauth2.token_url).place
        holders: list[JsonObject] = []

        async def secret(reference: SecretKeyReference, name: str) -> str:
            named = Reference("Secret", namespace, reference.name)
            at_most = LONGEST_TOKEN if name == "refreshTokenRef" else LONGEST_LINE
            line = await values.line(named, reference.key, field_path=f"oauth2.{name}", at_most=at_most)
            holders.append(await values.get(named, field_path=f"oauth2.{name}"))
            return line.text

        form = {"grant_type": "client_credentials", "client_id": oauth2.client_id}
        form |= {"scope": oauth2.scope} if oauth2.scope else {}
        subject = audience = refresh_token = ""
        if oauth2.service_account_ref is not None:
            account, audience = oauth2.service_account_ref.name, oauth2.service_account_ref.audience
            use = AccountUse(namespace=namespace, name=account, audience=audience)
            holders.append(await allowed_account(self._accounts, use, values.note))
            credential, subject = f"ServiceAccount {account}", f"system:serviceaccount:{namespace}:{account}"
        else:
            assert oauth2.client_secret_ref is not None
            form["client_secret"] = await secret(oauth2.client_secret_ref, "clientSecretRef")
            credential = f"Secret {oauth2.client_secret_ref.name}, key {oauth2.client_secret_ref.key}"
            if oauth2.refresh_token_ref is not None:
                form["grant_type"] = "refresh_token"
                form["refresh_token"] = await secret(oauth2.refresh_token_ref, "refreshTokenRef")
                refresh_token = f"Secret {oauth2.refresh_token_ref.name}, key {oauth2.refresh_token_ref.key}"
        trust = server_trust(ca_pem, bindings_of(holders), field="oauth2.caRef")
        for holder in holders:
            check_destination(holder, server=host, port=port, verified_tls=True, required=self._required)
        asked = TokenRequestContext(
            host=host,
            client_id=oauth2.client_id,
            credential=credential,
            refresh_token=refresh_token,
            subject=subject,
            audience=audience,
        )
        return _Client(
            oauth2=oauth2,
            namespace=namespace,
            trust=trust,
            form=form,
            asked=asked,
            credential_objects=tuple(holders),
        )

    async def _token(self, client: _Client) -> str:
        key = client.key
        cached = self._tokens.get(key)
        if cached is not None and self._monotonic() < cached.until:
            return cached.session
        self._failures.raise_if_active(key)
        return (await self._asking.run(key, lambda: self._renewed(client))).session

    async def _renewed(self, client: _Client) -> CachedLogin[str]:
        key = client.key
        token = await self._ask(client)
        now = self._monotonic()
        self._tokens = {it: cached for it, cached in self._tokens.items() if now < cached.until}
        if token.until > now:
            if len(self._tokens) >= _MAX_TOKENS:
                del self._tokens[next(iter(self._tokens))]
            self._tokens[key] = token
        return token

    async def _ask(self, client: _Client) -> CachedLogin[str]:
        form = dict(client.form)
        account = client.oauth2.service_account_ref
        if account is not None:
            form["client_assertion_type"] = _ASSERTION_TYPE
            use = AccountUse(namespace=client.namespace, name=account.name, audience=account.audience)
            form["client_assertion"] = await account_token(self._accounts, use)
        request = HttpsRequest(
            method="POST",
            url=client.oauth2.token_url,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            body=urlencode(form).encode(),
            trust=client.trust,
        )
        try:
            return await self._granted(request, client.asked)
        except VerdictError as error:
            self._failures.record(client.key, error.verdict)
            raise

    async def _granted(self, request: HttpsRequest, asked: TokenRequestContext) -> CachedLogin[str]:
        started = self._monotonic()
        try:
            answer = await self._https.send(request)
        except HttpsError as error:
            raise unreachable(error) from None
        except CaBundleInvalid:
            raise bundle_invalid() from None
        value, lifetime = granted(answer)
        if value is None:
            raise refused(answer, asked, self._now())
        return CachedLogin(value, started + lifetime - _EARLY)


def described(oauth2: OAuth2) -> str:
    """Return the credential that obtains the token, as in ``status.password.reference``."""
    if oauth2.service_account_ref is not None:
        return f"ServiceAccount {oauth2.service_account_ref.name}"
    assert oauth2.client_secret_ref is not None
    return f"{oauth2.client_secret_ref.name}/{oauth2.client_secret_ref.key}"
