# SPDX-License-Identifier: Apache-2.0
"""Central Credential Provider behind IIS, as clients see it: accounts in safes, and allowed applications.

IIS looks for the client's certificate first, in the handshake or, as it does by default, only once it has
read the request: by TLS 1.3's authentication after the handshake (RFC 8446 section 4.6.2).
"""

import json
import select
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import trustme

from smtp_testkit.cyberark.listener import TlsServer
from smtp_testkit.http_listener import HttpRequest, Reply

_JSON = {"Content-Type": "application/json; charset=utf-8"}
_HTML = {"Content-Type": "text/html"}
_PARAMETERS = {
    "appid", "safe", "folder", "object", "username", "address", "database", "policyid", "reason",
    "query", "queryformat", "connectiontimeout", "failrequestonpasswordchange",
}  # fmt: skip
_SEARCHED = ("safe", "folder", "object", "username", "address")
_ANSWERS_AT_ONCE = 0.2
"""Seconds to wait for the rest of a client's certificate after its first bytes."""


class CertificateRequest(Enum):
    """When IIS asks for the client's certificate."""

    NEVER = "never"
    IN_HANDSHAKE = "in the handshake"
    LATE = "once it has read the request"


@dataclass(frozen=True, kw_only=True)
class Account:
    """A password in a safe."""

    safe: str
    object: str
    content: str | None = field(repr=False)
    """None: the account has no password."""
    folder: str = "Root"
    username: str = "mailer"
    address: str = "smtp.example.com"
    changing: bool | str | None = "False"
    """The value of PasswordChangeInProcess: a string (observed), a boolean (documented), None: omitted."""

    def properties(self) -> dict[str, Any]:
        """Return the properties for the response: only defined ones."""
        told = {
            "Content": self.content,
            "PolicyID": "UnixSSH",
            "CreationMethod": "PVWA",
            "Folder": self.folder,
            "Address": self.address,
            "Name": self.object,
            "Safe": self.safe,
            "DeviceType": "Operating System",
            "UserName": self.username,
            "PasswordChangeInProcess": self.changing,
        }
        return {name: value for name, value in told.items() if value is not None}


@dataclass(frozen=True, kw_only=True)
class Application:
    """An application and the safes that it may read."""

    safes: frozenset[str]
    serial_numbers: frozenset[str] | None = None
    """Serial numbers of its certificates; None: its address identifies it, which every client here has."""


@dataclass(kw_only=True)
class CcpServer(TlsServer):
    """The web service."""

    web_service: str = "AIMWebService"
    asks: CertificateRequest = CertificateRequest.NEVER
    accounts: list[Account] = field(default_factory=list)
    applications: dict[str, Application] = field(default_factory=dict)
    vault_is_up: bool = True
    changing: set[str] = field(default_factory=set)
    """Objects that cannot be read because the CPM is changing them."""

    certificates: list[Mapping[str, Any] | None] = field(default_factory=list, init=False)
    """The certificate of the client of each request."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.client_ca = trustme.CA(organization_name="clients")
        self.foreign_ca = trustme.CA(organization_name="strangers")
        if self.asks is not CertificateRequest.NEVER:
            # IIS rejects untrusted clients in HTML, so TLS must accept their certificates.
            self.client_ca.configure_trust(self.context)
            self.foreign_ca.configure_trust(self.context)
            self.context.verify_mode = ssl.CERT_OPTIONAL
            self.context.post_handshake_auth = self.asks is CertificateRequest.LATE

    def answer(self, call: HttpRequest) -> Reply:
        """See ``TlsServer``."""
        if [it.lower() for it in call.segments] != [self.web_service.lower(), "api", "accounts"]:
            return _page(404, "404 - File or directory not found.")
        certificate = None
        if self.asks is not CertificateRequest.NEVER:
            certificate = _shown(call.tls) if self.asks is CertificateRequest.LATE else _peer(call.tls)
            self.certificates.append(certificate)
            if certificate is None:
                return _page(403, "403.7 - Forbidden: SSL client certificate is required.")
            if _issuer(certificate) == "strangers":
                return _page(403, "403.16 - Forbidden: Client certificate is untrusted or invalid.")
        if call.method != "GET":
            return _json(405, {"Message": f"The resource does not support http method '{call.method}'."})
        return self._account({name.lower(): value for name, value in call.query}, certificate)

    def _account(self, asked: Mapping[str, str], certificate: Mapping[str, Any] | None) -> Reply:
        app_id = asked.get("appid")
        if not app_id:
            return _error(400, "AIMWS031E", "Invalid request. The AppID parameter is required.")
        if set(asked) - _PARAMETERS or len(asked) == 1:
            return _error(400, "AIMWS030E", "Invalid query format.")
        if any(set("+&%;") & set(value) for value in asked.values()):
            return _error(400, "CASVL010E", "Invalid characters in the parameter.")
        if not self.vault_is_up:
            return _error(400, "APPAP007E", "Connection to the Vault has failed.")
        application = self.applications.get(app_id)
        if application is None:
            text = "Problem occurred while trying to use user in the Vault."
            return _error(403, "APPAP008E", f"{text} ITATS982E User {app_id} is not defined.")
        known = application.serial_numbers
        serial = str((certificate or {}).get("serialNumber", ""))
        if known is not None and serial not in known:
            text = f"Authentication error for App ID [{app_id}]. Reason: APPAP133E Failed to verify"
            text += f' application authentication data: CertificateSN "{serial}" is unauthorized'
            return _error(403, "APPAP306E", text)
        found = [it for it in self.accounts if it.safe in application.safes and _matches(it, asked)]
        return self._found(found, asked)

    def _found(self, found: Sequence[Account], asked: Mapping[str, str]) -> Reply:
        query = ";".join(f"{name}={asked[name]}" for name in _SEARCHED if name in asked)
        if not found:
            text = f"Password object matching query [{query}] was not found (Diagnostic Info: 5)."
            return _error(404, "APPAP004E", text)
        if len(found) > 1:
            text = f"Too many password objects matching query [{query}] were found: (Diagnostic Info: 23)"
            return _error(400, "APPAP227E", text)
        (account,) = found
        fails = asked.get("failrequestonpasswordchange", "").lower() == "true"
        if account.object in self.changing or (fails and str(account.changing).lower() == "true"):
            text = f"Password [{account.object}] is currently being changed by the CPM."
            return _error(500, "APPAP282E", text)
        return _json(200, account.properties())


def serial_number(certificate: trustme.LeafCert) -> str:
    """Return the serial number as CyberArk administrators enter it."""
    from cryptography import x509

    serial = x509.load_pem_x509_certificate(certificate.cert_chain_pems[0].bytes()).serial_number
    digits = f"{serial:X}"
    return digits if len(digits) % 2 == 0 else f"0{digits}"


def _matches(account: Account, asked: Mapping[str, str]) -> bool:
    return all(getattr(account, name).lower() == asked[name].lower() for name in _SEARCHED if name in asked)


def _shown(connection: ssl.SSLSocket) -> Mapping[str, Any] | None:
    """Request the client's certificate now; return None if there is none or the request is impossible."""
    if _peer(connection) is not None:
        return _peer(connection)
    try:
        connection.verify_client_post_handshake()
    except ssl.SSLError:  # the client has not said that it could; or speaks TLS 1.2
        return None
    connection.do_handshake()
    waits = connection.gettimeout()
    connection.setblocking(False)
    try:
        deadline = time.monotonic() + (waits or 0.0)
        while select.select([connection], [], [], max(deadline - time.monotonic(), 0.0))[0]:
            try:
                connection.recv(1)
            except ssl.SSLWantReadError:  # no byte of HTTP is due: the client waits for its answer
                deadline = time.monotonic() + _ANSWERS_AT_ONCE
            else:
                return None
            if _peer(connection) is not None:
                break
    finally:
        connection.settimeout(waits)
    return _peer(connection)


def _peer(connection: ssl.SSLSocket) -> Mapping[str, Any] | None:
    return connection.getpeercert() or None


def _issuer(certificate: Mapping[str, Any]) -> str:
    return str(dict(part[0] for part in certificate["issuer"])["organizationName"])


def _error(status: int, code: str, text: str) -> Reply:
    return _json(status, {"ErrorCode": code, "ErrorMsg": text})


def _json(status: int, told: Mapping[str, Any]) -> Reply:
    return Reply(status, json.dumps(told).encode(), _JSON)


def _page(status: int, text: str) -> Reply:
    return Reply(status, f"<!DOCTYPE html><html><body><h2>{text}</h2></body></html>".encode(), _HTML)
