# SPDX-License-Identifier: Apache-2.0
"""No password outlives its test: a real vault, the real engine, a real process whose memory is searched."""

import json
import os
import subprocess
import sys
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.openbao import OpenBao

CANARY = "c4nary-Pa55w0rd"

Given = dict[str, Any]
Answers = Callable[[Given], str]


@pytest.fixture(scope="module")
def bao() -> Iterator[OpenBao]:
    with OpenBao.start() as running:
        yield running


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answers]:
    """Shared by all tests: each test has its own password."""
    errors = tmp_path_factory.mktemp("process") / "stderr"
    with (
        errors.open("w") as stderr,
        subprocess.Popen(
            [sys.executable, "-m", "smtp_testkit.testbed.left_in_memory"],
            env={"PATH": os.defpath, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
        ) as running,
    ):
        assert running.stdin is not None
        assert running.stdout is not None
        asked, answers = running.stdin, running.stdout

        def answer(given: Given) -> str:
            print(json.dumps(given), file=asked, flush=True)
            told = answers.readline()
            assert told, errors.read_text()
            assert CANARY not in told + errors.read_text()
            return told

        yield answer
        asked.close()
        assert running.wait(120) == 0, errors.read_text()
    assert CANARY not in errors.read_text()


@pytest.fixture
def canary(request: pytest.FixtureRequest) -> str:
    return f"{CANARY}-{zlib.crc32(request.node.name.encode()):x}"


@pytest.fixture
def server(canary: str) -> Iterator[MailServer]:
    with MailServer.in_thread(users={"mailer": canary}) as running:
        yield running


def after_two_tests(process: Answers, bao: OpenBao, server: MailServer) -> Any:
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
    canary = server.users["mailer"]
    given = {
        "reversed": canary[::-1],
        "token": bao.root_token,
        "url": bao.url,
        "vault_ca": bao.ca_pem,
        "mail_ca": server.ca_pem,
        "config": {"metadata": metadata, "spec": spec},
    }
    return json.loads(process(given))


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN", "CRAM-MD5"])
def test_nothing_of_it_is_left_after_a_success(
    process: Answers, bao: OpenBao, server: MailServer, canary: str, mechanism: str
) -> None:
    bao.put("mail/smtp", password=canary)
    server.mechanisms = (mechanism,)

    found = after_two_tests(process, bao, server)

    assert found == {"reasons": ["TestEmailSent"] * 2, "left": [], "finds": 1}


def test_nothing_of_it_is_left_after_a_refusal_that_echoes_it(
    process: Answers, bao: OpenBao, server: MailServer, canary: str
) -> None:
    bao.put("mail/smtp", password=canary)
    server.replies["AUTH"] = f"535 5.7.8 refused: {canary}"

    found = after_two_tests(process, bao, server)

    assert found == {"reasons": ["AuthenticationFailed"] * 2, "left": [], "finds": 1}


def test_nothing_of_it_is_left_where_it_cannot_be_one(
    process: Answers, bao: OpenBao, server: MailServer, canary: str
) -> None:
    bao.put("mail/smtp", password=f"{canary}\nmore")

    found = after_two_tests(process, bao, server)

    assert found == {"reasons": ["VaultSecretUnusable"] * 2, "left": [], "finds": 1}
