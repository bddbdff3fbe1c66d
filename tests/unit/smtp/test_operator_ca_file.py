# SPDX-License-Identifier: Apache-2.0
"""--ca-file adds CAs to the system's. For a bound password, only these and allowed CAs count."""

from dataclasses import replace

import pytest

from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import DialogueReport, Mode, SmtpType
from smtp_operator.network.trust import NotAdmitted
from smtp_operator.smtp.engine import Engine
from smtp_operator.smtp.request import TlsSettings
from smtp_testkit.mailpeers.certificates import Authority
from smtp_testkit.mailpeers.faultserver import FaultServer
from smtp_testkit.mailpeers.trial import Trial

LEFT_OUT = NotAdmitted(field="tls.caRef", owner="Secret team-a/pw", annotation="a", fingerprints=("0" * 64,))


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.make()


@pytest.fixture(scope="module")
def other() -> Authority:
    return Authority.make()


async def report_of(
    trial: Trial, authority: Authority, tls: TlsSettings, *, ca_file: str | None = None
) -> DialogueReport:
    async with FaultServer(tls="implicit", context=authority.server_context("localhost")) as server:
        engine = Engine(
            policy=trial.policy,
            resolver=trial.names,
            connections=trial.connections,
            connect=server.connect,
            ca_file=ca_file,
        )
        settings = trial.settings(server.port, smtp_type=SmtpType.TLS, mode=Mode.CONNECT)
        return await engine.run(replace(settings, tls=tls))


async def test_a_ca_of_the_file_verifies_a_server(trial: Trial, authority: Authority) -> None:
    report = await report_of(trial, authority, TlsSettings(), ca_file=authority.pem)
    assert report.verdict.reason is Reason.CONNECTED


async def test_a_ca_ref_is_trusted_exclusively(trial: Trial, authority: Authority, other: Authority) -> None:
    report = await report_of(trial, authority, TlsSettings(ca_pem=other.pem), ca_file=authority.pem)
    assert report.verdict.reason is Reason.CERTIFICATE_UNTRUSTED


async def test_without_a_ca_ref_the_file_verifies_a_server(trial: Trial, authority: Authority) -> None:
    report = await report_of(trial, authority, TlsSettings(not_admitted=LEFT_OUT), ca_file=authority.pem)
    assert report.verdict.reason is Reason.CONNECTED


async def test_the_rest_of_a_ca_ref_also_verifies(
    trial: Trial, authority: Authority, other: Authority
) -> None:
    tls = TlsSettings(ca_pem=authority.pem, not_admitted=LEFT_OUT)
    report = await report_of(trial, authority, tls, ca_file=other.pem)
    assert report.verdict.reason is Reason.CONNECTED


async def test_no_other_ca_verifies_a_server(trial: Trial, authority: Authority, other: Authority) -> None:
    tls = TlsSettings(ca_pem=other.pem, not_admitted=LEFT_OUT)
    report = await report_of(trial, authority, tls)
    assert report.verdict.reason is Reason.CA_NOT_ALLOWED


async def test_another_fault_of_the_certificate_keeps_its_name(trial: Trial, authority: Authority) -> None:
    tls = TlsSettings(ca_pem=authority.pem, server_name="mail.example.net", not_admitted=LEFT_OUT)
    report = await report_of(trial, authority, tls)
    assert report.verdict.reason is Reason.CERTIFICATE_HOSTNAME_MISMATCH
