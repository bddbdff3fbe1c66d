# SPDX-License-Identifier: Apache-2.0
"""Flags that count for every SmtpConfig: trusted CAs, and values for fields that it leaves out."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.mailpeers.tokenserver import SCOPE, TokenServer
from smtp_testkit.testbed import Bed, OperatorProcess
from smtp_testkit.testbed.operator_process import LOOPBACK

CLIENT = "6731de76-14a6-49ae-97bc-6eba6914391e"
SECRET = "c4nary~Client+S3cret/1a2b3c"


@pytest.fixture(scope="module")
def endpoint() -> Iterator[TokenServer]:
    with TokenServer.running(secrets={CLIENT: SECRET}) as running:
        yield running


@pytest.fixture(scope="module")
def server(endpoint: TokenServer) -> Iterator[MailServer]:
    """A mail server that accepts the tokens of the endpoint, and no password."""
    with MailServer.in_thread(tokens=endpoint.issued) as running:
        yield running


@pytest.fixture(scope="module", autouse=True)
def operator(
    service_account: Path, endpoint: TokenServer, server: MailServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OperatorProcess]:
    """An operator that trusts the CAs of both servers."""
    folder = tmp_path_factory.mktemp("operator")
    (folder / "cas.pem").write_text(endpoint.ca_pem + server.ca_pem)
    flags = [*LOOPBACK, "--allow-vault-port=1-65535", f"--ca-file={folder / 'cas.pem'}"]
    flags += ["--default-recheck-interval=6h", "--default-recheck-mode=Connect", "--default-test-timeout=20s"]
    with OperatorProcess(service_account, folder / "operator.log", flags) as process:
        yield process.start()


def login(bed: Bed, endpoint: TokenServer) -> dict[str, Any]:
    bed.secret("mail-app", **{"client-secret": SECRET})
    reference = {"name": "mail-app", "key": "client-secret"}
    block = {"tokenUrl": endpoint.url(), "clientId": CLIENT, "scope": SCOPE, "clientSecretRef": reference}
    return {"username": "noreply@example.com", "oauth2": block}


def test_servers_without_a_ca_ref_are_verified_by_the_cas_of_the_file(
    bed: Bed, endpoint: TokenServer, server: MailServer
) -> None:
    seen = bed.verdict_of(server, "StartTLS", **login(bed, endpoint))
    assert seen.conditions == {"Ready": "TestEmailSent", "PasswordResolved": "PasswordRead"}


def test_status_shows_the_values_of_the_flags_and_spec_keeps_none(
    bed: Bed, endpoint: TokenServer, server: MailServer
) -> None:
    seen = bed.verdict_of(server, "StartTLS", recheck={"mode": "Login"}, **login(bed, endpoint))
    assert seen.status["effective"] == {"recheckInterval": "6h", "recheckMode": "Login", "timeout": "20s"}
    (stored,) = bed.api.items(bed.configs)
    assert (stored["spec"]["recheck"], stored["spec"]["test"]) == ({"mode": "Login"}, {"mode": "SendEmail"})
