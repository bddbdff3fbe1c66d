# SPDX-License-Identifier: Apache-2.0
"""A real OpenBao server, with a password in it and several ways in."""

from collections.abc import Iterator

import pytest

from smtp_testkit.mailpeers.tokenserver import TokenServer
from smtp_testkit.openbao import OpenBao
from smtp_testkit.openbao.trial import BaoTrial
from smtp_testkit.openbao.workloads import ISSUER, SUBJECT, Issuer

READ_MAIL = 'path "secret/data/mail/*" { capabilities = ["read"] }'


@pytest.fixture(scope="session")
def issuer(bao: OpenBao) -> Issuer:
    """A cluster whose ServiceAccount team-a/mailer may log in as role `smtp`, which reads mail/*."""
    cluster = Issuer()
    bao.policy("mail", READ_MAIL)
    bao.call("POST", "sys/auth/kubernetes", type="jwt")
    bao.call(
        "POST", "auth/kubernetes/config", jwt_validation_pubkeys=[cluster.public_key], bound_issuer=ISSUER
    )
    bao.jwt_role("smtp", "mail", subject=SUBJECT, token_ttl="10m")
    return cluster


@pytest.fixture
def trial(bao: OpenBao, issuer: Issuer) -> Iterator[BaoTrial]:
    """A SmtpVault that logs in by a ServiceAccount's token; `mail/smtp` has the password `s3cret`."""
    bao.call("DELETE", "secret/metadata/mail/smtp")
    bao.put("mail/smtp", password="s3cret")
    made = BaoTrial(bao.url, bao.ca_pem)
    made.named.token_for = issuer.token
    made.log_in_by(jwt={"role": "smtp", "serviceAccountRef": {"name": "mailer"}})
    yield made
    made.close()


@pytest.fixture
def scripted() -> Iterator[TokenServer]:
    """A server that answers as a test says: for what a real one cannot be brought to."""
    with TokenServer.running() as server:
        yield server


@pytest.fixture
def odd(scripted: TokenServer) -> Iterator[BaoTrial]:
    """A SmtpVault over that one, which logs in by a token."""
    made = BaoTrial(f"https://localhost:{scripted.port}", scripted.ca_pem)
    made.named.secrets["bao/token"] = "s.c4nary"
    made.log_in_by(tokenRef={"name": "bao", "key": "token"})
    yield made
    made.close()
