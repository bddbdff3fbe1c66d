# SPDX-License-Identifier: Apache-2.0
"""The condition SenderAuthentication of a running operator, whatever the DNS of this machine answers."""

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.testbed import Bed, StartOperator
from smtp_testkit.testbed.operator_process import LOOPBACK


def test_it_follows_the_verdict_and_does_not_change_it(
    bed: Bed, server: MailServer, start_operator: StartOperator
) -> None:
    start_operator(*LOOPBACK, f"--namespace={bed.namespace}", "--sender-authentication")
    bed.create(server, name="public", smtp_type="None")
    bed.create(server, name="private", smtp_type="None", **{"from": "noreply@mail.internal"})

    seen = bed.wait(lambda it: "SenderAuthentication" in it.conditions, name="public")

    assert seen.ready.status == "True"
    assert "SenderAuthentication" not in bed.verdict("private").conditions


def test_it_is_absent_if_the_flag_is_false(
    bed: Bed, server: MailServer, start_operator: StartOperator
) -> None:
    start_operator(*LOOPBACK, f"--namespace={bed.namespace}", "--sender-authentication=false")
    assert "SenderAuthentication" not in bed.verdict_of(server).conditions
