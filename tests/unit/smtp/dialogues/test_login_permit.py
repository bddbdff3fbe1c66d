# SPDX-License-Identifier: Apache-2.0
"""The login permit is checked right before AUTH and records the result of the login."""

import ipaddress

import pytest

from smtp_operator.api.reasons import Reason
from smtp_operator.network.resolver import Address
from smtp_operator.smtp.diagnosis.verdicts import DialogueEnded, verdict
from smtp_operator.smtp.request import SmtpLogin
from smtp_testkit.mailpeers.faultserver import Action, FaultServer, drop, reply, silence
from smtp_testkit.mailpeers.trial import Trial

pytestmark = pytest.mark.looptime


class Permit:
    """Allows or refuses a login, and records the calls."""

    def __init__(self, *, held: bool = False) -> None:
        self._held = held
        self.asked: list[tuple[str, Address, str]] = []
        self.ended: list[str] = []

    async def before_login(self, server: str, address: Address, login: SmtpLogin) -> None:
        self.asked.append((server, address, login.username))
        if self._held:
            raise DialogueEnded(verdict(Reason.LOGIN_ATTEMPTS_LIMITED, "No login was tried", retry_after=60))

    def after_login(self, *, accepted: bool, rejected: bool) -> None:
        self.ended.append("accepted" if accepted else "rejected" if rejected else "unknown")


async def test_a_login_without_a_permit_is_not_tried(trial: Trial) -> None:
    permit = Permit(held=True)
    async with FaultServer({}) as server:
        report = await trial(server, password="s3cret-pw", permit=permit)
        said = server.received

    assert report.verdict.reason is Reason.LOGIN_ATTEMPTS_LIMITED
    assert report.verdict.retry_after == 60
    assert permit.asked == [("localhost", ipaddress.ip_address("127.0.0.1"), "bob")]
    assert permit.ended == []
    assert not any(b"AUTH" in line for line in said)


@pytest.mark.parametrize(
    ("answer", "ended"),
    [
        (reply("235 2.7.0 welcome"), "accepted"),
        (reply("535 5.7.8 no"), "rejected"),
        (reply("534 5.7.9 app password"), "rejected"),
        (reply("454 4.7.0 later"), "unknown"),
        (reply("454 4.7.0 invalid credentials"), "rejected"),
        (reply("421 4.7.0 later"), "unknown"),
        (drop(), "rejected"),
        (silence(), "rejected"),
    ],
    ids=["235", "535", "534", "454", "454 with words", "421", "closed", "silence"],
)
async def test_the_result_of_a_login_is_recorded_once(trial: Trial, answer: Action, ended: str) -> None:
    permit = Permit()
    async with FaultServer({"AUTH": answer}) as server:
        await trial(server, password="s3cret-pw", permit=permit)

    assert permit.ended == [ended]


async def test_without_a_login_no_permit_is_needed(trial: Trial) -> None:
    permit = Permit()
    async with FaultServer({}) as server:
        await trial(server, permit=permit)

    assert permit.asked == []
