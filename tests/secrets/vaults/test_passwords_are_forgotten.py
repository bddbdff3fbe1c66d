# SPDX-License-Identifier: Apache-2.0
"""No password outlives its test: a real vault, the real engine, a real process whose memory is searched."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from mailpeers import MailServer
from openbao import OpenBao

CANARY = "c4nary-Pa55w0rd"


@pytest.fixture(scope="module")
def bao() -> Iterator[OpenBao]:
    with OpenBao.start() as running:
        yield running


@pytest.fixture
def server() -> Iterator[MailServer]:
    with MailServer.in_thread(users={"mailer": CANARY}) as running:
        yield running


def after_two_tests(bao: OpenBao, server: MailServer) -> Any:
    """The process's reasons, and what held the password when they were over."""
    spec = {
        "server": "localhost",
        "port": server.starttls_port,
        "username": "mailer",
        "password": {"hashiCorpVault": {"vaultRef": {"name": "bao"}, "path": "mail/smtp"}},
        "from": "noreply@example.com",
        "tls": {"caRef": {"name": "mail-ca"}},
    }
    metadata = {"name": "mail", "namespace": "team-a", "uid": "u", "generation": 1, "resourceVersion": "1"}
    given = {
        "reversed": CANARY[::-1],
        "token": bao.root_token,
        "url": bao.url,
        "vault_ca": bao.ca_pem,
        "mail_ca": server.ca_pem,
        "config": {"metadata": metadata, "spec": spec},
    }
    command = [sys.executable, "-m", "testbed.left_in_memory"]
    done = subprocess.run(
        command,
        input=json.dumps(given),
        env={"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert CANARY not in done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
def test_nothing_of_it_is_left_after_a_success(bao: OpenBao, server: MailServer, mechanism: str) -> None:
    bao.put("mail/smtp", password=CANARY)
    server.mechanisms = (mechanism,)

    found = after_two_tests(bao, server)

    assert found == {"reasons": ["TestEmailSent"] * 2, "left": [], "finds": 1}


def test_nothing_of_it_is_left_after_a_refusal_that_echoes_it(bao: OpenBao, server: MailServer) -> None:
    bao.put("mail/smtp", password=CANARY)
    server.replies["AUTH"] = f"535 5.7.8 refused: {CANARY}"

    found = after_two_tests(bao, server)

    assert found == {"reasons": ["AuthenticationFailed"] * 2, "left": [], "finds": 1}


def test_nothing_of_it_is_left_where_it_cannot_be_one(bao: OpenBao, server: MailServer) -> None:
    bao.put("mail/smtp", password=f"{CANARY}\nmore")

    found = after_two_tests(bao, server)

    assert found == {"reasons": ["VaultSecretUnusable"] * 2, "left": [], "finds": 1}
