# SPDX-License-Identifier: Apache-2.0
"""Our stand-ins for CyberArk's servers are used by clients that others wrote for the real ones."""

import asyncio
import json
import ssl
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme

from smtp_testkit.cyberark.ccp import Account, Application, CcpServer, CertificateRequest, serial_number
from smtp_testkit.cyberark.conjur import ConjurServer, JwtAuthenticator
from smtp_testkit.cyberark.issuer import Issuer
from smtp_testkit.cyberark.trial import CANARY, VaultTrial
from smtp_testkit.foreign_clients import python_with

CLIENTS = Path(__file__).parent / "clients"
VARIABLE = "prod/smtp/password"
HOST = "host/mail/operator"
SUBJECT = "system:serviceaccount:team-a:smtp-vault"
NAMED = {"appid": "smtp-operator", "safe": "Mail", "object": "smtp-relay"}

pytestmark = pytest.mark.timeout(900)  # the first of them fetches the clients

Asking = Callable[[str, dict[str, Any]], Any]


@pytest.fixture(scope="session")
def python() -> Path:
    """A Python interpreter with these clients."""
    return python_with(CLIENTS / "requirements.lock")


@pytest.fixture
def ask(python: Path) -> Asking:
    """Runs one of ``clients/`` and gives its answers."""

    async def asked(client: str, words: dict[str, Any]) -> Any:
        script = str(CLIENTS / f"ask_{client}.py")
        done = await asyncio.to_thread(
            subprocess.run,
            [str(python), "-I", script],
            input=json.dumps(words),
            capture_output=True,
            text=True,
            check=False,
            timeout=100,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return asked


@pytest.fixture
def pair(ccp_of: Callable[..., VaultTrial[CcpServer]], tmp_path: Path) -> Callable[[CertificateRequest], Any]:
    """A CCP that knows the AppID by its certificate, and what a client needs to ask it."""

    def build(asks: CertificateRequest) -> tuple[CcpServer, dict[str, Any]]:
        server = ccp_of(asks=asks).server
        leaf = server.client_ca.issue_cert("smtp-operator@example.com")
        server.applications["smtp-operator"] = Application(
            safes=frozenset({"Mail"}), serial_numbers=frozenset({serial_number(leaf)})
        )
        return server, _files(server, leaf, tmp_path)

    return build


def _files(server: CcpServer, leaf: trustme.LeafCert, folder: Path) -> dict[str, Any]:
    ca, certificate, key = (str(folder / name) for name in ("ca.pem", "client.pem", "client.key"))
    server.ca.cert_pem.write_to_path(ca)
    leaf.cert_chain_pems[0].write_to_path(certificate)
    leaf.private_key_pem.write_to_path(key)
    return {
        "url": server.url,
        "host": f"localhost:{server.port}",
        "webService": server.web_service,
        "ca": ca,
        "certificate": [certificate, key],
    }


async def test_pyaim_reads_from_our_ccp(ask: Asking, pair: Callable[[CertificateRequest], Any]) -> None:
    server, words = pair(CertificateRequest.IN_HANDSHAKE)
    server.accounts.append(Account(safe="Mail", object="second", content="0ther"))

    found, ambiguous, missing, unknown = await ask(
        "pyaim",
        words
        | {
            "queries": [
                NAMED,
                NAMED | {"object": None, "username": "mailer"},
                NAMED | {"object": "nothing"},
                NAMED | {"appid": "nobody"},
            ]
        },
    )

    assert (found["Content"], found["UserName"], found["PasswordChangeInProcess"]) == (
        CANARY,
        "mailer",
        "False",
    )
    assert ambiguous.startswith("CCP Error APPAP227E: ")
    assert "Status: 404" in missing
    assert "Status: 403" in unknown


async def test_aiobastion_reads_from_our_ccp(ask: Asking, pair: Callable[[CertificateRequest], Any]) -> None:
    server, words = pair(CertificateRequest.IN_HANDSHAKE)
    server.accounts.append(Account(safe="Mail", object="second", content="0ther"))

    answers = await ask(
        "aiobastion",
        words
        | {
            "queries": [
                NAMED,
                {"appid": "smtp-operator", "safe": "Mail"},
                NAMED | {"object": "nothing"},
                NAMED | {"appid": "nobody"},
            ]
        },
    )

    assert answers[0]["Content"] == CANARY
    assert answers[1:] == [
        ["CyberarkAPIException", 400, "APPAP227E"],
        ["CyberarkAIMnotFound", 404, "APPAP004E"],
        ["CyberarkAPIException", 403, "APPAP008E"],
    ]


async def test_requests_is_asked_for_its_certificate_late(pair: Callable[[CertificateRequest], Any]) -> None:
    server, words = pair(CertificateRequest.LATE)

    def get(**options: Any) -> requests.Response:
        query = {"AppID": "smtp-operator", "Safe": "Mail", "Object": "smtp-relay"}
        place = f"{words['url']}/AIMWebService/api/Accounts"
        return requests.get(place, params=query, verify=words["ca"], timeout=30, **options)

    with_one = await asyncio.to_thread(get, cert=tuple(words["certificate"]))
    without = await asyncio.to_thread(get)

    assert with_one.json()["Content"] == CANARY
    assert (without.status_code, "403.7" in without.text) == (403, True)
    assert server.context.verify_mode is ssl.CERT_OPTIONAL
    assert server.context.post_handshake_auth


def of(server: ConjurServer, folder: Path) -> dict[str, Any]:
    ca = folder / "ca.pem"
    ca.write_text(server.ca_pem)
    return {"url": server.url, "account": server.account, "ca": str(ca)}


async def test_cyberarks_client_reads_from_our_conjur_by_an_api_key(
    ask: Asking, conjur: VaultTrial[ConjurServer], tmp_path: Path
) -> None:
    server = conjur.server
    server.variables["seen"], server.viewers["seen"] = [b"x"], {HOST}

    answers = await ask(
        "conjur_api",
        of(server, tmp_path)
        | {
            "login": HOST,
            "apiKey": server.api_keys[HOST],
            "calls": [
                ["get", VARIABLE],
                ["get", VARIABLE, "1"],
                ["get_many", VARIABLE],
                ["whoami"],
                ["get", "prod/smpt"],
                ["get", "seen"],
            ],
        },
    )

    assert answers[:3] == [CANARY, "0ld", {VARIABLE: CANARY}]
    assert answers[3]["username"] == HOST
    assert answers[4]["status"] == 404
    assert "CONJ00076E Variable corp:variable:prod/smpt is empty or not found." in answers[4]["response"]
    assert answers[5]["status"] == 403
    assert server.logins == 1


async def test_cyberarks_client_is_refused_by_our_conjur(
    ask: Asking, conjur: VaultTrial[ConjurServer], tmp_path: Path
) -> None:
    words = of(conjur.server, tmp_path) | {"login": HOST, "apiKey": "wr0ng", "calls": [["get", VARIABLE]]}

    (answer,) = await ask("conjur_api", words)

    assert answer["status"] == 401


async def test_cyberarks_client_reads_from_our_conjur_by_a_jwt(
    ask: Asking, conjur: VaultTrial[ConjurServer], tmp_path: Path
) -> None:
    server, issuer = conjur.server, Issuer("https://kubernetes.default.svc")
    server.authenticators["kubernetes"] = JwtAuthenticator(
        issuer=issuer.name, audience="conjur", keys=issuer.keys, hosts={SUBJECT: HOST}
    )
    words = of(server, tmp_path) | {"serviceId": "kubernetes", "calls": [["get", VARIABLE]]}
    good = issuer.token(subject=SUBJECT, audience="conjur")
    bad = issuer.token(subject=SUBJECT, audience="vault")

    assert await ask("conjur_api", words | {"jwt": good}) == [CANARY]
    assert (await ask("conjur_api", words | {"jwt": bad}))[0]["status"] == 401
