# SPDX-License-Identifier: Apache-2.0
"""A defect of the operator is a verdict; the log names its place and no value."""

import logging

import pytest

from smtp_operator.api.reasons import Reason, Retry
from smtp_operator.api.verdict import Phase
from smtp_testkit.mailpeers import MailServer
from smtp_testkit.mailpeers.trial import Trial


@pytest.fixture
def secretive(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG)
    return caplog


async def test_an_unexpected_error(trial: Trial, secretive: pytest.LogCaptureFixture) -> None:
    trial.names.fails_with = RuntimeError("the password is s3cret-pw")

    report = await trial(587, password="s3cret-pw")

    assert report.verdict.reason is Reason.INTERNAL_ERROR
    assert report.verdict.retry is Retry.TRANSIENT
    assert report.verdict.message == (
        "The operator had an unexpected error. Its log has the details [in Resolve]."
    )
    assert "RuntimeError at trial.py" in secretive.text
    assert "session.py" in secretive.text
    assert "s3cret" not in secretive.text
    assert "s3cret" not in repr(report)


async def test_a_listener_that_fails_ends_the_test_and_the_connection(
    trial: Trial, mailserver: MailServer, secretive: pytest.LogCaptureFixture
) -> None:
    def on_phase(phase: Phase) -> None:
        if phase is Phase.AUTH:
            raise OSError("s3cret-pw")

    report = await trial(mailserver.plain_port, password="s3cret-pw", on_phase=on_phase)

    assert report.verdict.reason is Reason.INTERNAL_ERROR
    assert mailserver.auth_attempts == []
    assert "s3cret" not in secretive.text


async def test_settings_do_not_print_the_password(trial: Trial) -> None:
    assert "s3cret-pw" not in repr(trial.settings(587, password="s3cret-pw"))
