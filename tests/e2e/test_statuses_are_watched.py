# SPDX-License-Identifier: Apache-2.0
"""The watch that holds every status of these tests to the numbered rules really sees them."""

import pytest

from mailpeers import MailServer
from smtp_operator.api.names import FIELD_MANAGER
from testbed import Api, Bed
from testbed.status_watch import StatusWatch


@pytest.mark.usefixtures("operator")
def test_each_verdict_is_seen_and_good(bed: Bed, server: MailServer, statuses: StatusWatch) -> None:
    bed.verdict_of(server)
    bed.change(recipients={"to": ["second@example.com"]})
    bed.verdict()

    assert statuses.complaints(bed.namespace) == []
    assert statuses.writes(bed.namespace) == 2


def test_a_status_that_breaks_a_rule_is_found(
    api: Api, namespace: str, server: MailServer, statuses: StatusWatch
) -> None:
    bed = Bed(api, namespace)
    bed.create(server)
    statuses.complaints(namespace)  # so that it has seen the object as it was before
    body = {
        "apiVersion": "smtp-operator.io/v1alpha1",
        "kind": "SmtpConfig",
        "metadata": {"name": "mail"},
        "status": {"observedGeneration": 1, "conditions": [], "summary": "TestEmailSent"},
    }
    api.apply(f"{bed.configs}/mail/status", body, manager=FIELD_MANAGER)

    found = statuses.complaints(namespace)

    assert f"FAIL0002 {namespace}/mail generation 1: no Ready condition" in found
