# SPDX-License-Identifier: Apache-2.0
"""Referenced objects are created, changed and deleted: the effect with each kind of watch.

For operators without a watch, which find changes at a recheck, see `test_rechecks.py`.
"""

import base64
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.testbed import Bed, Manifests, StartOperator
from smtp_testkit.testbed.manifests import NAMESPACED
from smtp_testkit.testbed.operator_process import LOOPBACK
from smtp_testkit.testbed.seen import ObservedObject
from smtp_tools.localcluster import LocalCluster

PASSWORD = "s3cret-Passw0rd"
LOGIN: dict[str, Any] = {"username": "mailer", "password": {"secretRef": {"name": "smtp-password"}}}
CA: dict[str, Any] = {"caRef": {"kind": "ConfigMap", "name": "mail-ca"}}
WITHOUT_DOUBT = 2.5
"""Seconds after which two edits certainly differ, because managedFields has whole seconds."""

Start = Callable[[str], None]


@pytest.fixture
def start(bed: Bed, cluster: LocalCluster, start_operator: StartOperator) -> Start:
    """Start an operator of this namespace with `--secret-watch MODE` and the permissions for it."""

    def started(mode: str) -> None:
        manifests = Manifests.read(NAMESPACED).for_namespace(bed.namespace).permissions()
        cluster.kubectl("apply", "-f", "-", input=str(manifests))
        kubeconfig: Path = cluster.kubeconfig_for_service_account(*manifests.service_account)
        flags = (*LOOPBACK, f"--namespace={bed.namespace}", f"--secret-watch={mode}")
        start_operator(*flags, kubeconfig=kubeconfig)

    return started


def put(bed: Bed, kind: str, name: str, **data: str) -> None:
    """Create or change a Secret or ConfigMap that has the label."""
    values = {key: base64.b64encode(it.encode()).decode() for key, it in data.items()}
    metadata = {"name": name, "labels": {"smtp-operator.io/watch": "true"}}
    body = {"apiVersion": "v1", "kind": kind, "metadata": metadata}
    body["data"] = values if kind == "Secret" else data
    bed.api.apply(f"{bed.core(f'{kind.lower()}s')}/{name}", body)


def has(reason: str) -> Callable[[ObservedObject], bool]:
    return lambda it: it.reason == reason


# The next recheck would be an hour later. One object reports only two changes at once: a third one right
# after them waits for half a minute (`BURST`).
@pytest.mark.parametrize("mode", ["metadata", "label"])
def test_a_secret_that_comes_changes_and_goes_is_noticed_at_once(
    bed: Bed, server: MailServer, start: Start, mode: str
) -> None:
    start(mode)
    bed.create(server, **LOGIN)
    bed.wait(has("SecretNotFound"))

    put(bed, "Secret", "smtp-password", password="not the password")
    assert bed.wait(has("AuthenticationFailed")).last_test["trigger"] == "PasswordChanged"

    put(bed, "Secret", "smtp-password", password=PASSWORD)
    assert bed.wait(has("TestEmailSent")).last_test["trigger"] == "PasswordChanged"

    bed.create(server, "later", **LOGIN)
    bed.verdict("later")
    bed.delete_secret("smtp-password")
    assert bed.wait(has("SecretNotFound"), "later").ready.status == "False"


@pytest.mark.parametrize("mode", ["metadata", "label"])
def test_a_ca_that_comes_changes_and_goes_is_noticed_at_once(
    bed: Bed, server: MailServer, start: Start, mode: str
) -> None:
    start(mode)
    bed.create(server, smtp_type="StartTLS", tls=CA)
    bed.wait(has("ConfigMapNotFound"))

    put(bed, "ConfigMap", "mail-ca", **{"ca.crt": server.ca_pem})
    assert bed.wait(has("TestEmailSent")).last_test["trigger"] == "DependencyChanged"

    stranger = trustme.CA().cert_pem.bytes().decode()
    put(bed, "ConfigMap", "mail-ca", **{"ca.crt": stranger})
    assert bed.wait(has("CertificateUntrusted")).last_test["trigger"] == "DependencyChanged"

    bed.create(server, "later", smtp_type="StartTLS", tls=CA)
    bed.verdict("later")
    bed.api.delete(f"{bed.core('configmaps')}/mail-ca")
    assert bed.wait(has("ConfigMapNotFound"), "later").ready.status == "False"


@pytest.mark.parametrize("mode", ["metadata", "label"])
def test_an_edit_that_leaves_the_key_alone_tests_nothing(
    bed: Bed, server: MailServer, start: Start, mode: str
) -> None:
    put(bed, "Secret", "smtp-password", password=PASSWORD)
    old_enough = time.time() + WITHOUT_DOUBT
    start(mode)
    time.sleep(max(0.0, old_enough - time.time()))
    before = bed.verdict_of(server, **LOGIN)

    bed.api.patch(f"{bed.core('secrets')}/smtp-password", {"stringData": {"unrelated": "x"}})
    # A watch keeps the order, so the operator receives a later object later.
    put(bed, "Secret", "marker", password="not the password")
    bed.create(server, "marker", **(LOGIN | {"password": {"secretRef": {"name": "marker"}}}))
    bed.verdict("marker")
    put(bed, "Secret", "marker", password=PASSWORD)
    bed.wait(has("TestEmailSent"), "marker")

    assert bed.seen().last_test == before.last_test
