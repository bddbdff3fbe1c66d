# SPDX-License-Identifier: Apache-2.0
"""The output of kubectl for a SmtpConfig, and waiting for its conditions."""

import re
from typing import Any

import pytest

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.testbed import Bed
from smtp_tools.localcluster import LocalCluster

pytestmark = pytest.mark.usefixtures("operator")

LOGIN: dict[str, Any] = {"username": "mailer", "password": {"secretRef": {"name": "smtp-password"}}}


def table(text: str) -> dict[str, str]:
    """Return the cells of the only row by their headings."""
    headings, row = text.splitlines()
    starts = [found.start() for found in re.finditer(r"\S+", headings)]
    spans = list(zip(starts, [*starts[1:], None], strict=True))
    return {headings[start:end].strip(): row[start:end].strip() for start, end in spans}


def test_get_shows_server_port_type_ready_and_status(
    bed: Bed, server: MailServer, cluster: LocalCluster
) -> None:
    bed.secret("smtp-password", password="not the password")
    bed.verdict_of(server, **LOGIN)

    row = table(cluster.kubectl("get", "smtpconfig", "-n", bed.namespace).stdout)

    assert list(row) == ["NAME", "SERVER", "PORT", "TYPE", "READY", "STATUS", "AGE"]
    assert list(row.values())[:-1] == [
        "mail",
        "127.0.0.1",
        str(server.plain_port),
        "None",
        "False",
        "AuthenticationFailed in Auth: 535 5.7.8",
    ]


def test_wide_adds_from_password_source_last_test_and_message(
    bed: Bed, server: MailServer, cluster: LocalCluster
) -> None:
    bed.secret("smtp-password", password="not the password")
    seen = bed.verdict_of(server, **LOGIN)

    narrow = table(cluster.kubectl("get", "smtp", "-n", bed.namespace).stdout)
    wide = table(cluster.kubectl("get", "smtp", "-o", "wide", "-n", bed.namespace).stdout)

    assert wide.keys() - narrow.keys() == {"FROM", "PASSWORD-FROM", "LAST-TEST", "MESSAGE"}
    assert wide["FROM"] == "Platform <noreply@example.com>"
    assert wide["PASSWORD-FROM"] == "KubernetesSecret"
    assert wide["MESSAGE"] == seen.message


def test_the_category_finds_it(bed: Bed, server: MailServer, cluster: LocalCluster) -> None:
    bed.verdict_of(server, suspend=True)

    assert "/mail" in cluster.kubectl("get", "smtp-operator", "-n", bed.namespace, "-o", "name").stdout


@pytest.mark.parametrize("selector", ["spec.server=127.0.0.1", "spec.password.secretRef.name=smtp-password"])
def test_it_is_selected_by_server_or_by_secret(
    bed: Bed, server: MailServer, cluster: LocalCluster, selector: str
) -> None:
    bed.create(server, "with", suspend=True, **LOGIN)
    bed.create(server, "without", suspend=True, **{"server": "smtp.example.com"})

    words = ["get", "smtpconfig", "-n", bed.namespace, f"--field-selector={selector}", "-o", "name"]

    assert cluster.kubectl(*words).stdout.split() == ["smtpconfig.smtp-operator.io/with"]


def wait(cluster: LocalCluster, bed: Bed, condition: str) -> str:
    words = ["wait", f"--for={condition}", "smtpconfig/mail", "-n", bed.namespace, "--timeout=60s"]
    return cluster.kubectl(*words).stdout


def test_waiting_for_ready(bed: Bed, server: MailServer, cluster: LocalCluster) -> None:
    bed.create(server)

    assert "condition met" in wait(cluster, bed, "condition=Ready")


def test_waiting_for_failed(bed: Bed, server: MailServer, cluster: LocalCluster) -> None:
    server.refused_recipients["ops@example.com"] = "550 5.1.1 no such user"
    bed.create(server)

    assert "condition met" in wait(cluster, bed, "condition=Failed")


def test_waiting_for_either_by_the_generation(bed: Bed, server: MailServer, cluster: LocalCluster) -> None:
    bed.create(server)
    bed.change(recipients={"to": ["gone@example.com"]})

    assert "condition met" in wait(cluster, bed, "jsonpath={.status.observedGeneration}=2")
