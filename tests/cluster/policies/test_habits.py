# SPDX-License-Identifier: Apache-2.0
"""Policies warn about valid settings that are rarely intended, and about nothing else."""

import json

import pytest

from smtp_testkit.testbed import Object
from smtp_testkit.testbed.users import object_of
from smtp_tools.localcluster import LocalCluster

pytestmark = [pytest.mark.alone, pytest.mark.usefixtures("policies")]

PORT_465 = "spec.port 465 usually expects TLS from the first byte: set spec.smtpType: TLS"
PORT_587 = "spec.port 587 usually starts in plaintext: set spec.smtpType: StartTLS"
UNVERIFIED = (
    "spec.tls.insecureSkipVerify lets anyone on the network impersonate the server: set"
    " spec.tls.caRef.name to its CA"
)


@pytest.mark.parametrize(
    ("spec", "warnings"),
    [
        ({"port": 465, "smtpType": "StartTLS"}, [PORT_465]),
        ({"port": 465, "smtpType": "None"}, [PORT_465]),
        ({"port": 465, "smtpType": "TLS"}, []),
        ({"port": 587, "smtpType": "TLS"}, [PORT_587]),
        ({"port": 587, "smtpType": "StartTLS"}, []),
        ({"port": 587}, []),
        ({"port": 2525, "smtpType": "TLS"}, []),
        ({"port": 25, "smtpType": "None"}, []),
        ({"port": 587, "tls": {"insecureSkipVerify": True}}, [UNVERIFIED]),
        ({"port": 587, "tls": {"insecureSkipVerify": False}}, []),
        ({"port": 587, "smtpType": "TLS", "tls": {"insecureSkipVerify": True}}, [PORT_587, UNVERIFIED]),
    ],
)
def test_habits(cluster: LocalCluster, namespace: str, spec: Object, warnings: list[str]) -> None:
    it = object_of("SmtpConfig", {"server": "smtp.example.com", "from": "a@example.com", **spec})
    words = ["-n", namespace, "create", "--dry-run=server", "-f", "-"]

    said = cluster.kubectl(*words, input=json.dumps(it)).stderr.splitlines()

    name = "smtpconfig-habits.smtp-operator.io"
    head = f"Warning: Validation failed for ValidatingAdmissionPolicy '{name}' with binding '{name}': "
    assert said == [head + warning for warning in warnings]
