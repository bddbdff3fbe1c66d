# SPDX-License-Identifier: Apache-2.0
"""HashiCorp Vault and OpenBao: read passwords from a KV version 2 engine with hvac."""

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

import hvac

from smtp_operator.api.password import HashiCorpVaultPassword
from smtp_operator.api.reasons import Reason
from smtp_operator.api.vault_blocks import HashiCorpVault, VaultAppRole, VaultJwt
from smtp_operator.api.verdict import VerdictError, failed
from smtp_operator.network.https import HttpsRequest, HttpsResponse
from smtp_operator.secrets.login_cache import CachedLogin, LoginCache
from smtp_operator.secrets.vaults.errors import LoginError, ask
from smtp_operator.secrets.vaults.hashicorp.client import client
from smtp_operator.secrets.vaults.hashicorp.errors import (
    AUTH_FIELD,
    URL_FIELD,
    app_role_refused,
    general_error,
    json_body,
    jwt_refused,
    not_understood,
    read_refused,
    refused_by_policy,
    token_refused,
    within,
)
from smtp_operator.secrets.vaults.provider import VaultContext, VaultSecret
from smtp_operator.secrets.vaults.request_context import RequestContext, TokenClaims
from smtp_operator.secrets.vaults.values import vault_secret

_LONGEST: Final = 3600.0
"""Maximum seconds that a login is used, so that a role's new policies apply within the hour."""
_MARGIN: Final = 60.0
"""Seconds before its expiry when a token is no longer used; at most a tenth of its lifetime."""

_SOON: Final = 14 * 24 * 3600.0
"""Seconds before a version's deletion when the warning starts."""

_KINDS: Final[dict[type, str]] = {
    type(None): "null",
    bool: "true or false",
    int: "a number",
    float: "a number",
    list: "a list",
    dict: "an object",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Session:
    """An authenticated client and its identity."""

    client: hvac.Client = field(repr=False)
    who: str


class HashiCorpKv:
    """Provider for a vault object; see ``VaultProvider``."""

    def __init__(self, block: HashiCorpVault, context: VaultContext) -> None:
        self._block = block
        self._context = context
        self._logins: LoginCache[_Session] = LoginCache(self._log_in, context, still_known=self._still_knows)
        self._mount = block.mount.strip("/")
        self._asked = RequestContext(
            vault=context.name, server=urlsplit(block.url).netloc.lower(), namespace=block.namespace or ""
        )

    async def read(self, item: object) -> VaultSecret:
        """See ``VaultProvider``."""
        assert isinstance(item, HashiCorpVaultPassword)
        login, cached = await self._logins.current()
        answer = await self._get(login.session, item)
        if answer.status == 403 and cached and not refused_by_policy(answer):
            other = await self._logins.replacing(login)
            if other is not None:
                login = other
                answer = await self._get(login.session, item)
        if answer.status == 403:
            # Permissions that a role got since then apply from its next login on.
            self._logins.expire_soon(login)
        return self._secret(answer, item, who=login.session.who)

    async def check(self) -> str:
        """See ``VaultProvider``."""
        login = await self._logins.refresh()
        return f"Logged in to {self._asked.server}{within(self._asked)} with {login.session.who}."

    async def close(self) -> None:
        """See ``VaultProvider``."""
        self._logins.close()

    async def _get(self, session: _Session, item: HashiCorpVaultPassword) -> HttpsResponse:
        return await self._answer(
            session.client.secrets.kv.v2.read_secret_version(
                item.path, version=item.version, mount_point=self._mount, raise_on_deleted_version=False
            )
        )

    async def _still_knows(self, session: _Session) -> bool:
        answer = await self._answer(session.client.auth.token.lookup_self())
        if self._block.auth.token_ref is not None and answer.status == 403 and not refused_by_policy(answer):
            # A new login would only check the same token again.
            raise LoginError(token_refused(answer, self._asked).verdict)
        return answer.status == 200 or refused_by_policy(answer)

    async def _answer(self, asked: Awaitable[HttpsResponse]) -> HttpsResponse:
        """Return the answer to the request; raise errors unrelated to it."""
        answer = await asked
        error = general_error(answer, self._asked, self._context.now())
        if error is not None:
            raise error
        return answer

    async def _ask(self, request: HttpsRequest) -> HttpsResponse:
        return await ask(self._context.https, request, vault=self._asked.vault, field=URL_FIELD)

    async def _log_in(self) -> CachedLogin[_Session]:
        started = self._context.monotonic()
        auth = self._block.auth
        if auth.jwt is not None:
            token, lease, who = await self._by_service_account(auth.jwt)
        elif auth.app_role is not None:
            token, lease, who = await self._by_app_role(auth.app_role)
        else:
            token, lease, who = await self._by_token()
        life = min(lease, _LONGEST)
        until = started + life - min(_MARGIN, life / 10)
        return CachedLogin(_Session(client=await self._client(token), who=who), until)

    async def _by_service_account(self, jwt: VaultJwt) -> tuple[str, float, str]:
        reference = jwt.service_account_ref
        token = await self._context.credentials.service_account_token(
            reference, goes_to=self._block.url, field_path=f"{AUTH_FIELD}.jwt.serviceAccountRef"
        )
        mount = jwt.mount.strip("/")
        # The kubernetes auth method takes the same request as the jwt method.
        unknown = await self._client()
        asked = unknown.auth.jwt.jwt_login(jwt.role, token, use_token=False, path=mount)
        answer = await self._answer(asked)
        if answer.status >= 400:
            claims = TokenClaims.of(token, audience=reference.audience)
            raise jwt_refused(answer, replace(self._asked, claims=claims), mount=mount, role=jwt.role)
        issued, lease = self._token_of(answer)
        return issued, lease, f'role "{jwt.role}" of auth/{mount}'

    async def _by_app_role(self, app_role: VaultAppRole) -> tuple[str, float, str]:
        secret_id = await self._context.credentials.secret(
            app_role.secret_id_ref, goes_to=self._block.url, field_path=f"{AUTH_FIELD}.appRole.secretIdRef"
        )
        unknown = await self._client()
        asked = unknown.auth.approle.login(app_role.role_id, secret_id, use_token=False)
        answer = await self._answer(asked)
        if answer.status >= 400:
            raise app_role_refused(answer, self._asked)
        issued, lease = self._token_of(answer)
        return issued, lease, f"AppRole {app_role.role_id}"

    async def _by_token(self) -> tuple[str, float, str]:
        named = self._block.auth.token_ref
        assert named is not None  # guaranteed by validation: exactly one
        token = await self._context.credentials.secret(
            named, goes_to=self._block.url, field_path=f"{AUTH_FIELD}.tokenRef"
        )
        if not token.isascii() or " " in token:
            raise self._asked.failed(
                Reason.SECRET_VALUE_INVALID,
                f"the value that {AUTH_FIELD}.tokenRef names is not a token: it"
                " contains blanks or non-ASCII characters. Store only the token there.",
            )
        known = await self._client(token)
        answer = await self._answer(known.auth.token.lookup_self())
        if refused_by_policy(answer):
            return (
                token,
                _LONGEST,
                f"the token that {AUTH_FIELD}.tokenRef names",
            )  # valid, but may not look itself up
        if answer.status >= 400:
            raise token_refused(answer, self._asked)
        data = (json_body(answer) or {}).get("data")
        if not isinstance(data, dict) or "ttl" not in data:
            raise not_understood(answer, self._asked, "a token's properties")
        lease = 0.0 if data.get("num_uses") else _seconds(data["ttl"]) or _LONGEST
        return token, lease, f"the token that {AUTH_FIELD}.tokenRef names"

    def _token_of(self, answer: HttpsResponse) -> tuple[str, float]:
        """Return token and lease in seconds; 0 if its number of uses is limited, so that one test uses it."""
        auth = (json_body(answer) or {}).get("auth")
        token = auth.get("client_token") if isinstance(auth, dict) else None
        if not isinstance(auth, dict) or not isinstance(token, str):
            raise not_understood(answer, self._asked, "a login")
        if not token:
            raise self._asked.failed(
                Reason.VAULT_AUTH_FAILED,
                f"{self._asked.server} requires a second factor for this login, which"
                " the operator cannot provide. Log in as a role without one.",
            )
        if not token.isascii() or not token.isprintable():
            raise not_understood(answer, self._asked, "a login")
        return token, 0.0 if auth.get("num_uses") else _seconds(auth.get("lease_duration")) or _LONGEST

    async def _client(self, token: str = "") -> hvac.Client:
        """Return a client that trusts the servers to which the credentials, already read, may be sent."""
        namespace = self._block.namespace
        if namespace is not None and not namespace.isascii():
            raise self._asked.failed(
                Reason.VAULT_REQUEST_INVALID,
                "a namespace name must be ASCII. Set hashiCorpVault.namespace to an existing namespace.",
            )
        trust = await self._context.credentials.trust()
        return client(url=self._block.url, namespace=namespace, ask=self._ask, trust=trust, token=token)

    def _secret(self, answer: HttpsResponse, item: HashiCorpVaultPassword, *, who: str) -> VaultSecret:
        found = (json_body(answer) or {}).get("data")
        metadata = found.get("metadata") if isinstance(found, dict) else None
        if isinstance(found, dict) and isinstance(metadata, dict) and found.get("data", found) is None:
            raise self._gone(metadata, item)
        if answer.status >= 400:
            asked = replace(self._asked, client=who)
            raise read_refused(answer, asked, mount=self._mount, path=item.path, version=item.version)
        if not isinstance(found, dict):
            raise not_understood(answer, self._asked, "a secret")
        values = found.get("data")
        if not isinstance(metadata, dict) or not isinstance(values, dict):
            raise self._asked.failed(
                Reason.VAULT_SECRET_UNUSABLE,
                f"mount {self._mount} is not a KV version 2 engine. Set"
                " hashiCorpVault.mount to one of version 2, or upgrade it (bao kv enable-versioning).",
            )
        return self._password(values, metadata, item)

    def _password(
        self, values: dict[str, Any], metadata: dict[str, Any], item: HashiCorpVaultPassword
    ) -> VaultSecret:
        key = item.key
        if key not in values:
            raise self._asked.failed(
                Reason.VAULT_SECRET_UNUSABLE,
                f'{item.path} has no key "{key}". Set password.hashiCorpVault.key to'
                " the key of the password, or add this key.",
            )
        value = values[key]
        where = f'{self._asked.vault}: key "{key}" of {item.path}'
        if not isinstance(value, str):
            raise failed(
                Reason.VAULT_SECRET_UNUSABLE,
                f"{where} is {_KINDS[type(value)]}. Store the password as a string, in JSON with quotes.",
            )
        secret = vault_secret(value, where=where, version=_version(metadata))
        ends = _time(metadata.get("deletion_time"))
        if ends is None or ends.timestamp() - self._context.now() > _SOON:
            return replace(secret, expires=ends)
        return replace(
            secret,
            expires=ends,
            reason=Reason.VAULT_SECRET_EXPIRING,
            message=f"{self._asked.vault}: the vault deletes this version of {item.path} on {ends:%Y-%m-%d}"
            " (delete_version_after). Write a new version before that.",
        )

    def _gone(self, metadata: dict[str, Any], item: HashiCorpVaultPassword) -> VerdictError:
        """Return the verdict for a deleted version."""
        version = _version(metadata)
        number = f"version {version}" if version else "that version"
        ways = ["Write a new version"]
        if metadata.get("destroyed") is True:
            what = "was destroyed"
        else:
            time = _time(metadata.get("deletion_time"))
            what = f"was deleted on {time:%Y-%m-%d}" if time else "was deleted"
            undelete = f"bao kv undelete -mount={self._mount} -versions={version or 'N'} {item.path}"
            ways.append(f"undelete it ({undelete})")
        if item.version is not None:
            ways.append("set password.hashiCorpVault.version to another version")
        return self._asked.failed(
            Reason.VAULT_SECRET_DISABLED,
            f"{number} of {item.path} in mount {self._mount} {what}. {', or '.join(ways)}.",
            reply="404",
        )


def _seconds(number: object) -> float:
    return float(number) if type(number) is int and 0 < number < 10**10 else 0.0


def _version(metadata: Mapping[str, Any]) -> str | None:
    version = metadata.get("version")
    return str(version) if type(version) is int else None


def _time(text: object) -> datetime | None:
    """Parse RFC 3339 with nanoseconds, as Go writes it; None: not set."""
    if not isinstance(text, str) or not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None
