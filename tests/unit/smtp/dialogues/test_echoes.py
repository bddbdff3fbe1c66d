# SPDX-License-Identifier: Apache-2.0
"""No output of a test shows a secret that the server echoes or knows."""

import base64

from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import Mode
from smtp_testkit.mailpeers.faultserver import FaultServer, raw, reply
from smtp_testkit.mailpeers.trial import Trial, recipients

PASSWORD = "c4naRy/Pass+w0rd"


async def test_a_login_in_lower_case_base64_is_not_shown(trial: Trial) -> None:
    blob = base64.b64encode(f"\0bob\0{PASSWORD}".encode()).decode().lower()
    async with FaultServer({"AUTH": reply(f"535 5.7.8 cannot decode {blob}")}) as server:
        report = await trial(server, password=PASSWORD)

    assert report.verdict.reason is Reason.AUTHENTICATION_FAILED
    assert 'server said: "535 5.7.8 cannot decode ********"' in report.verdict.message
    assert report.dialogue[-1] == "S: 535 5.7.8 cannot decode ********"


async def test_after_auth_a_reply_in_an_unknown_encoding_is_its_code_alone(trial: Trial) -> None:
    """Echo the password backwards, which is not a known form."""
    blob = base64.b64encode(PASSWORD[::-1].encode()).decode()
    async with FaultServer({"AUTH": reply(f"535 5.7.8 cannot use {blob}")}) as server:
        report = await trial(server, password=PASSWORD)

    assert report.verdict.message == (
        'localhost rejected user "bob" via PLAIN (password from Secret smtp-password, key password) [in Auth,'
        ' server said: "535 5.7.8"]. Check the username and password.'
    )
    assert report.dialogue[-1] == "S: 535 5.7.8"
    assert blob not in repr(report)


async def test_a_doubtful_reply_after_the_email_is_its_code_alone(trial: Trial) -> None:
    said = f"250 2.0.0 queued as 4F1B2 {PASSWORD[3:13]}"
    async with FaultServer({".": reply(said)}) as server:
        report = await trial(server, password=PASSWORD)

    assert report.verdict.reason is Reason.TEST_EMAIL_SENT
    assert report.response == "250 2.0.0"
    assert report.verdict.message.startswith(
        'Accepted for delivery to 1 recipient by localhost ("250 2.0.0").'
    )


async def test_a_banner_that_contains_a_password_with_spaces(trial: Trial) -> None:
    async with FaultServer({"banner": raw(b"220 my pass phrase ESMTP\r\n")}) as server:
        report = await trial(server, password="my pass phrase", mode=Mode.CONNECT)

    assert report.server.banner == "********"


async def test_a_bcc_that_is_refused_by_its_local_part_is_shown_by_its_place(trial: Trial) -> None:
    script = {
        "RCPT": [reply("250 2.1.5 Ok"), reply("550 5.1.1 mailbox secretary of host mx2 does not exist")]
    }
    addressees = recipients(to=["dev@example.com"], bcc=["secretary@secret.example"])
    async with FaultServer(script) as server:
        report = await trial(server, password=PASSWORD, recipients=addressees)

    assert report.verdict.reason is Reason.RECIPIENTS_PARTIALLY_REFUSED
    assert report.recipients[1].response == "550 5.1.1 mailbox bcc[0] of host mx2 does not exist"
    assert "secretary" not in repr(report)
