# SPDX-License-Identifier: Apache-2.0
"""A token endpoint with the wire contracts of Entra ID and Google; for tests and for use by hand.

It accepts secrets and certificates of clients, refresh tokens, and federated credentials of workloads of
other issuers, whose signatures it verifies with the issuer's keys. Statuses, errors and AADSTS numbers are
those observed from Entra ID and Google.

``with TokenServer.running() as server``; ``server.issued`` has the issued access tokens.
"""

import contextlib
import json
import secrets
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

import trustme
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from smtp_testkit.http_listener import JSON, HttpRequest, Reply, listening
from smtp_testkit.mailpeers.assertions import decoded, verified

TENANT = "contoso.example"
SCOPE = "https://outlook.office365.com/.default"
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

Form = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Federation:
    """The workload of another issuer that the client trusts."""

    issuer: str
    subject: str
    audience: str
    keys: Mapping[str, Any]
    """The issuer's JWKS."""


class Refusal(Exception):
    """An error as in RFC 6749 section 5.2, with Entra ID's number if there is one."""

    def __init__(self, status: int, error: str, text: str, number: int = 0) -> None:
        super().__init__(text)
        self.status = status
        self.error = error
        self.number = number


@dataclass
class TokenServer:
    """The endpoint; its attributes can be changed while it runs."""

    secrets: dict[str, str] = field(default_factory=dict)
    """Clients and their secrets."""
    expired_secrets: set[str] = field(default_factory=set)
    certificates: dict[str, x509.Certificate] = field(default_factory=dict)
    """Clients and their uploaded certificates."""
    tenant: str = TENANT
    scopes: set[str] = field(default_factory=lambda: {SCOPE})
    names: tuple[str, ...] = ()
    """Host names of its certificate in addition to localhost."""
    refresh_tokens: set[str] = field(default_factory=set)
    federations: dict[str, Federation] = field(default_factory=dict)
    """Clients and the workload that each trusts."""
    lifetime: int = 3599
    answers: list[tuple[int, bytes, Mapping[str, str]]] = field(default_factory=list)
    """Status, body and headers to send instead of normal responses, one per request."""
    before_answer: Callable[[HttpRequest], bool] = lambda call: True
    """Called with each request; False: the callback has sent the response."""

    forms: list[Form] = field(default_factory=list, init=False)
    """The form of each request, in order."""
    paths: list[str] = field(default_factory=list, init=False)
    headers: list[Mapping[str, str]] = field(default_factory=list, init=False)
    """The headers of each request, with names in lower case."""
    peers: list[Any] = field(default_factory=list, init=False)
    """The client certificate of each request; None: there was none."""
    issued: set[str] = field(default_factory=set, init=False)
    port: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.ca = trustme.CA(organization_name="tokenserver")
        self.ca_pem = self.ca.cert_pem.bytes().decode()
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.ca.issue_cert("localhost", "127.0.0.1", *self.names).configure_cert(self.context)

    @classmethod
    @contextlib.contextmanager
    def running(cls, **options: Any) -> Iterator["TokenServer"]:
        """Start a server on a free port of 127.0.0.1 for the block."""
        server = cls(**options)
        with listening(server._reply, name="tokenserver", context=server.context) as server.port:
            yield server

    def url(self, path: str | None = None) -> str:
        """Return the URL of the token endpoint: that of Entra ID, or for ``/token`` that of Google."""
        return f"https://localhost:{self.port}{path or self.token_path}"

    @property
    def token_path(self) -> str:
        """The path of Entra ID's token endpoint."""
        return f"/{self.tenant}/oauth2/v2.0/token"

    def answer(self, path: str, form: Form) -> dict[str, Any]:
        """Return the response to a request. Raises Refusal."""
        tenant = path.split("/")[1]
        if path == f"/{self.tenant}/v2.0/.well-known/openid-configuration":
            return self._discovery()
        if path not in ("/token", self.token_path):
            raise Refusal(400, "invalid_request", f"Tenant '{tenant}' not found.", 90002)
        entra = path != "/token"
        grant = form.get("grant_type")
        if grant not in ("client_credentials", "refresh_token") or (grant == "client_credentials") != entra:
            number = 70003 if entra else 0
            raise Refusal(400, "unsupported_grant_type", f"Invalid grant_type: {grant}", number)
        self._check_client(form, entra=entra)
        if grant == "refresh_token" and form.get("refresh_token") not in self.refresh_tokens:
            raise Refusal(400, "invalid_grant", "Token has been expired or revoked.")
        if entra and "scope" not in form:
            text = "The request body must contain the following parameter: 'scope'."
            raise Refusal(400, "invalid_request", text, 900144)
        if entra and form["scope"] not in self.scopes:
            text = f"The provided value for scope {form['scope']} is not valid."
            raise Refusal(400, "invalid_scope", text, 1002012)
        token = "eyJ0eXAiOiJKV1QiLCJub25jZSI6Im" + secrets.token_urlsafe(900)
        self.issued.add(token)
        told = {"token_type": "Bearer", "expires_in": self.lifetime, "access_token": token}
        return told | ({"ext_expires_in": self.lifetime} if entra else {"scope": "https://mail.google.com/"})

    def _reply(self, call: HttpRequest) -> Reply | None:
        sent = call.body.decode()
        if call.headers.get("content-type") == "application/json":
            sent = ""  # not a token request; the test has set up the answer
        form = {name: values[0] for name, values in parse_qs(sent, strict_parsing=bool(sent)).items()}
        self.forms.append(form)
        self.paths.append(call.target)
        self.headers.append(call.headers)
        self.peers.append(call.tls.getpeercert() or None)
        if not self.before_answer(call):
            return None
        if self.answers:
            status, body, headers = self.answers.pop(0)
            return Reply(status, body, {**JSON, **headers})
        try:
            return Reply(200, json.dumps(self.answer(call.target, form)).encode(), JSON)
        except Refusal as refusal:
            return Reply(refusal.status, json.dumps(_described(refusal)).encode(), JSON)

    def _discovery(self) -> dict[str, Any]:
        """Return the OpenID Connect discovery document, which Microsoft's older clients request."""
        base = f"https://localhost:{self.port}/{self.tenant}"
        return {
            "issuer": f"{base}/v2.0",
            "token_endpoint": f"{base}/oauth2/v2.0/token",
            "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
            "tenant_region_scope": None,
        }

    def _check_client(self, form: Form, *, entra: bool) -> None:
        client = form.get("client_id", "")
        if "client_assertion" in form:
            if form.get("client_assertion_type") != JWT_BEARER:
                raise Refusal(400, "invalid_request", "The assertion type is not known.", 90014)
            if client in self.certificates:
                self._check_signature(client, form["client_assertion"])
            else:
                self._check_assertion(client, form["client_assertion"])
            return
        if client not in self.secrets:
            text = f"Application with identifier '{client}' was not found in the directory '{self.tenant}'."
            if entra:
                raise Refusal(400, "unauthorized_client", text, 700016)
            raise Refusal(401, "invalid_client", "The OAuth client was not found.")
        if form.get("client_secret") in self.expired_secrets:
            text = f"The provided client secret keys for app '{client}' are expired."
            raise Refusal(401, "invalid_client", text, 7000222)
        if form.get("client_secret") != self.secrets[client]:
            text = (
                "Invalid client secret provided. Ensure the secret being sent in the request is the client"
                f" secret value, not the client secret ID, for a secret added to app '{client}'."
            )
            if entra:
                raise Refusal(401, "invalid_client", text, 7000215)
            raise Refusal(401, "invalid_client", "The provided client secret is invalid.")

    def _check_signature(self, client: str, assertion: str) -> None:
        """Of a client that shows by its signature that it has the certificate's key (PS256, as Entra ID"
        " wants)."""
        certificate = self.certificates[client]
        signed, _, signature = assertion.rpartition(".")
        header, claims = (json.loads(decoded(part)) for part in signed.split("."))
        thumbprint = certificate.fingerprint(SHA256())
        if header["alg"] != "PS256" or decoded(header["x5t#S256"]) != thumbprint:
            text = "The certificate with identifier used to sign the client assertion is not registered."
            raise Refusal(401, "invalid_client", text, 700027)
        public = certificate.public_key()
        assert isinstance(public, rsa.RSAPublicKey)
        scheme = padding.PSS(padding.MGF1(SHA256()), SHA256.digest_size)
        try:
            public.verify(decoded(signature), signed.encode(), scheme, SHA256())
        except InvalidSignature:
            raise Refusal(
                401, "invalid_client", "Key was found, but use of the key failed.", 700027
            ) from None
        if claims["sub"] != client or claims["exp"] < time.time():
            raise Refusal(401, "invalid_client", "The assertion is not of this client and time.", 700024)

    def _check_assertion(self, client: str, assertion: str) -> None:
        known = self.federations.get(client)
        claims = verified(assertion, known.keys) if known else None
        if known is None or claims is None:
            text = f"No matching federated identity record found for presented assertion of '{client}'."
            raise Refusal(401, "invalid_client", text, 70021)
        audiences = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
        for number, fits, what in (
            (700211, claims["iss"] == known.issuer, f"issuer '{claims['iss']}'"),
            (700213, claims["sub"] == known.subject, f"subject '{claims['sub']}'"),
            (700212, known.audience in audiences, f"audience '{audiences[0]}'"),
            (700024, claims["exp"] > time.time(), "time"),
        ):
            if not fits:
                text = f"No matching federated identity record found for presented assertion {what}."
                raise Refusal(401, "invalid_client", text, number)


def _described(refusal: Refusal) -> dict[str, Any]:
    if not refusal.number:
        return {"error": refusal.error, "error_description": str(refusal)}
    trace = "Trace ID: 6b5c4e0f-0000-4000-8000-1c2d3e4f5a6b Correlation ID: 0f1e2d3c-0000-4000-8000-9a8b"
    return {
        "error": refusal.error,
        "error_description": f"AADSTS{refusal.number}: {refusal} {trace} Timestamp: 2026-11-22 10:00:00Z",
        "error_codes": [refusal.number],
        "timestamp": "2026-11-22 10:00:00Z",
        "trace_id": "6b5c4e0f-0000-4000-8000-1c2d3e4f5a6b",
        "correlation_id": "0f1e2d3c-0000-4000-8000-9a8b7c6d5e4f",
        "error_uri": f"https://login.microsoftonline.com/error?code={refusal.number}",
    }
