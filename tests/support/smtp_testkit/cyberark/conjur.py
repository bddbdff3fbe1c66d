# SPDX-License-Identifier: Apache-2.0
"""Conjur as clients see it: hosts that log in with an API key or a JWT, and variables with permissions.

Like Conjur, the server gives no details: every failed login is an empty 401.
"""

import base64
import hashlib
import hmac
import json
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from smtp_testkit.cyberark.listener import TlsServer
from smtp_testkit.http_listener import HttpRequest, Reply
from smtp_testkit.mailpeers.assertions import verified

_JSON = {"Content-Type": "application/json; charset=utf-8"}
_TEXT = {"Content-Type": "text/plain; charset=utf-8"}
_AUTHORIZATION = re.compile(r'^Token token="(.*)"')
_SALT = 32
_SIGNED_BY = b"the data key of this Conjur"


@dataclass(frozen=True, kw_only=True)
class JwtAuthenticator:
    """An authn-jwt service: the issuer that it trusts, and the host for each claim."""

    issuer: str
    audience: str
    keys: Mapping[str, Any]
    """The issuer's JWKS."""
    hosts: Mapping[str, str]
    """The host for each value of the claim ``sub``."""
    enabled: bool = True
    permitted: bool = True
    """Whether its hosts may authenticate on the webservice."""


@dataclass(kw_only=True)
class ConjurServer(TlsServer):
    """The appliance."""

    account: str = "corp"
    prefix: str = ""
    """Prefix of all paths, such as ``/api``."""
    api_keys: dict[str, str] = field(default_factory=dict)
    """Logins and their API keys."""
    authenticators: dict[str, JwtAuthenticator] = field(default_factory=dict)
    """The authn-jwt services by their ID."""
    variables: dict[str, list[bytes]] = field(default_factory=dict)
    """Variables with their values, version 1 first; a variable without values is empty."""
    readers: dict[str, set[str]] = field(default_factory=dict)
    """Variables and the logins that may read (see) and execute (fetch) them."""
    viewers: dict[str, set[str]] = field(default_factory=dict)
    """Variables and the logins that can only see them."""
    rejected: set[str] = field(default_factory=set)
    """Logins whose restricted_to excludes this client's address."""
    has_whoami: bool = True
    lifetime: int = 480
    now: Callable[[], float] = time.time

    revoked: set[str] = field(default_factory=set)
    """Revoked tokens."""

    issued: list[str] = field(default_factory=list, init=False)
    """Issued tokens, as in Authorization headers."""

    @property
    def url(self) -> str:
        """The URL with the prefix."""
        return f"https://localhost:{self.port}{self.prefix}"

    @property
    def logins(self) -> int:
        """The number of authentication requests."""
        return sum(call.segments[-1] == "authenticate" for call in self.calls)

    def answer(self, call: HttpRequest) -> Reply:
        """See ``TlsServer``."""
        before = tuple(part for part in self.prefix.split("/") if part)
        if call.segments[: len(before)] != before:
            return Reply(404, b"<html>no such page</html>", {"Content-Type": "text/html"})
        match call.method, call.segments[len(before) :]:
            case "POST", ("authn", account, login, "authenticate") if account == self.account:
                return self._by_key(login, call)
            case "POST", ("authn-jwt", service, account, "authenticate") if account == self.account:
                return self._by_jwt(service, None, call)
            case "POST", ("authn-jwt", service, account, host, "authenticate") if account == self.account:
                return self._by_jwt(service, host, call)
            case "GET", ("whoami",) if self.has_whoami:
                return self._whoami(call)
            case "GET", ("secrets", account, "variable", variable):
                return self._secret(account, variable, call)
            case "GET", ("secrets",):
                return self._batch(call)
        return _not_found("CONJ00004E", "No such resource.")

    def _by_key(self, login: str, call: HttpRequest) -> Reply:
        key = self.api_keys.get(login)
        if key is None or not hmac.compare_digest(call.body, key.encode()):
            return Reply(401)
        return self._token(login, call)

    def _by_jwt(self, service: str, host: str | None, call: HttpRequest) -> Reply:
        given = parse_qs(call.body.decode()).get("jwt")  # whatever its Content-Type
        if given is None:
            return Reply(400)
        known = self.authenticators.get(service)
        claims = verified(given[0], known.keys) if known and known.enabled else None
        if known is None or claims is None:
            return Reply(401)
        audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        if claims["exp"] <= self.now():
            return _json(401, {"error": {"code": "unauthorized", "message": "CONJ00016E Token expired"}})
        named = known.hosts.get(claims["sub"])
        if claims["iss"] != known.issuer or known.audience not in audiences or named is None:
            return Reply(401)
        if host is not None and host != named:
            return Reply(401)
        return self._token(named, call) if known.permitted else Reply(403)

    def _token(self, login: str, call: HttpRequest) -> Reply:
        begins = int(self.now())
        payload = {"sub": login, "exp": begins + self.lifetime, "iat": begins}
        head = _encoded({"alg": "conjur.org/slosilo/v2", "kid": "e3b0c442"})
        body = _encoded(payload)
        signature = _signature(f"{head}.{body}", secrets.token_hex(_SALT // 2))
        token = json.dumps({"protected": head, "payload": body, "signature": signature}).encode()
        written = base64.b64encode(token).decode()
        self.issued.append(written)
        if call.headers.get("accept-encoding", "").lower() == "base64":
            return Reply(200, written.encode(), _TEXT | {"Content-Encoding": "base64"})
        return Reply(200, token, _JSON)

    def _login_of(self, call: HttpRequest) -> str | Reply:
        header = call.headers.get("authorization")
        if header is None:
            return Reply(401, b"Authorization missing", _TEXT)
        found = _AUTHORIZATION.match(header)
        if found is None:
            return Reply(401, b"Malformed authorization token", _TEXT)
        try:
            token = json.loads(base64.b64decode(found[1], validate=True))
            payload = json.loads(base64.urlsafe_b64decode(token["payload"]))
        except (ValueError, KeyError):
            return Reply(401, b"Malformed authorization token", _TEXT)
        signed = f"{token['protected']}.{token['payload']}"
        good = hmac.compare_digest(token["signature"], _signature(signed, token["signature"][:_SALT]))
        if not good or payload["exp"] <= self.now() or found[1] in self.revoked:
            return Reply(401, b"Unauthorized: Invalid token", _TEXT)
        login = str(payload["sub"])
        return Reply(403, b"IP address rejected", _TEXT) if login in self.rejected else login

    def _whoami(self, call: HttpRequest) -> Reply:
        login = self._login_of(call)
        if isinstance(login, Reply):
            return login
        told = {"client_ip": "127.0.0.1", "user_agent": call.headers.get("user-agent")}
        return _json(200, told | {"account": self.account, "username": login})

    def _secret(self, account: str, variable: str, call: HttpRequest) -> Reply:
        login = self._login_of(call)
        if isinstance(login, Reply):
            return login
        version = dict(call.query).get("version")
        if version is not None and not version.isdigit():
            return _json(422, {"error": {"code": "invalid", "message": "invalid type"}})
        value = self._value(account, variable, login, version)
        if isinstance(value, Reply):
            return value
        return Reply(200, value, {"Content-Type": "application/octet-stream"})

    def _value(self, account: str, variable: str, login: str, version: str | None) -> bytes | Reply:
        missing = _not_found("CONJ00076E", f"Variable {account}:variable:{variable} is empty or not found.")
        readers, viewers = self.readers.get(variable, set()), self.viewers.get(variable, set())
        if account != self.account or login not in readers | viewers:
            return missing
        if login not in readers:
            return Reply(403)
        values = self.variables.get(variable, [])
        wanted = len(values) if version is None else int(version)
        return values[wanted - 1] if 0 < wanted <= len(values) else missing

    def _batch(self, call: HttpRequest) -> Reply:
        login = self._login_of(call)
        if isinstance(login, Reply):
            return login
        told = {}
        for full in dict(call.query).get("variable_ids", "").split(","):
            account, _, variable = full.partition(":variable:")
            value = self._value(account, variable, login, None)
            if isinstance(value, Reply):
                return value
            try:
                told[full] = value.decode()
            except UnicodeDecodeError:
                return Reply(406)
        return _json(200, told)


def _encoded(told: Mapping[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(told).encode()).decode()


def _signature(signed: str, salt: str) -> str:
    """Return a salted signature, like Conjur's (RSA-PSS), so that no two tokens are equal."""
    return salt + hmac.new(_SIGNED_BY, f"{salt}{signed}".encode(), hashlib.sha256).hexdigest()


def _json(status: int, told: Mapping[str, Any]) -> Reply:
    return Reply(status, json.dumps(told).encode(), _JSON)


def _not_found(code: str, text: str) -> Reply:
    return _json(404, {"error": {"code": "not_found", "message": f"{code} {text}"}})
