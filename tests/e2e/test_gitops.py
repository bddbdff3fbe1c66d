# SPDX-License-Identifier: Apache-2.0
"""GitOps controllers and users can apply manifests without emails, and keep their fields."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from smtp_testkit.kstatus import Kstatus, kstatus
from smtp_testkit.mailpeers import MailServer
from smtp_testkit.testbed import Bed, ObservedObject, OperatorProcess
from smtp_testkit.testbed.bed import settings, smtp_config
from smtp_tools.localcluster import LocalCluster

pytestmark = pytest.mark.usefixtures("operator")

Kubectl = Callable[..., str]


@pytest.fixture
def kubectl(cluster: LocalCluster, bed: Bed) -> Kubectl:
    """Run kubectl in the test's namespace; `manifest` is its standard input."""

    def run(*words: str, manifest: Any = None) -> str:
        text = None if manifest is None else yaml.safe_dump(manifest)
        return cluster.kubectl(*words, "-n", bed.namespace, input=text).stdout

    return run


@pytest.fixture
def manifest(server: MailServer) -> dict[str, Any]:
    """Return the manifest as in Git, without defaults."""
    return smtp_config("mail", settings(server))


def told(bed: Bed, server: MailServer) -> list[str]:
    """Return the recipients of emails of `mail`, after the operator has handled all changes."""
    name = f"barrier-{len(server.mails)}"
    bed.create(server, name, recipients={"to": ["barrier@example.com"]})
    bed.verdict(name)
    return [mail.recipients[0] for mail in server.mails if mail.recipients != ("barrier@example.com",)]


def as_it_is(kubectl: Kubectl) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(kubectl("get", "smtpconfig", "mail", "-o", "yaml"))
    return found


OPS = "ops@example.com"


def test_applying_the_same_again_sends_nothing(
    bed: Bed, server: MailServer, kubectl: Kubectl, manifest: dict[str, Any]
) -> None:
    kubectl("apply", "-f", "-", manifest=manifest)
    bed.verdict()

    for words in (["apply"], ["apply", "--server-side", "--force-conflicts", "--field-manager=flux"]):
        kubectl(*words, "-f", "-", manifest=manifest)
        kubectl(*words, "-f", "-", manifest=manifest)

    assert told(bed, server) == [OPS]


def test_labels_and_annotations_send_nothing(
    bed: Bed, server: MailServer, kubectl: Kubectl, manifest: dict[str, Any]
) -> None:
    kubectl("apply", "-f", "-", manifest=manifest)
    bed.verdict()

    kubectl("label", "smtpconfig", "mail", "app.kubernetes.io/part-of=mail", "tier=1")
    kubectl("label", "smtpconfig", "mail", "tier=2", "--overwrite")
    kubectl("annotate", "smtpconfig", "mail", "note=ours")
    kubectl("label", "smtpconfig", "mail", "tier-")

    assert told(bed, server) == [OPS]


def test_kubectl_replace_sends_nothing(
    bed: Bed, server: MailServer, kubectl: Kubectl, manifest: dict[str, Any]
) -> None:
    kubectl("apply", "-f", "-", manifest=manifest)
    before = bed.verdict()

    kubectl("replace", "-f", "-", manifest=as_it_is(kubectl))
    kubectl("replace", "-f", "-", manifest=manifest)

    assert told(bed, server) == [OPS]
    assert bed.seen().status == before.status


def test_a_backup_that_is_restored_without_its_status_costs_one_mail(
    bed: Bed, server: MailServer, kubectl: Kubectl, manifest: dict[str, Any]
) -> None:
    kubectl("apply", "-f", "-", manifest=manifest)
    bed.verdict()
    backup = as_it_is(kubectl)
    kubectl("delete", "smtpconfig", "mail")
    for name in ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields"):
        backup["metadata"].pop(name, None)

    kubectl("create", "-f", "-", manifest=backup)
    bed.verdict()

    assert told(bed, server) == [OPS, OPS]


def test_kubectl_replace_with_force_costs_one_mail(
    bed: Bed, server: MailServer, kubectl: Kubectl, manifest: dict[str, Any]
) -> None:
    kubectl("apply", "-f", "-", manifest=manifest)
    first = bed.verdict()

    kubectl("replace", "--force", "-f", "-", manifest=manifest)
    bed.wait(lambda it: it.judged and it.metadata["uid"] != first.metadata["uid"])

    assert told(bed, server) == [OPS, OPS]


def test_a_status_that_is_lost_costs_one_mail(
    bed: Bed, server: MailServer, kubectl: Kubectl, manifest: dict[str, Any]
) -> None:
    kubectl("apply", "-f", "-", manifest=manifest)
    bed.verdict()

    lost = as_it_is(kubectl) | {"status": {"observedGeneration": -1}}
    kubectl("replace", "--subresource=status", "-f", "-", manifest=lost)
    bed.verdict()

    assert told(bed, server) == [OPS, OPS]


def test_a_status_that_is_restored_with_its_object_costs_one_mail_at_most(
    bed: Bed, server: MailServer, kubectl: Kubectl, manifest: dict[str, Any], operator: OperatorProcess
) -> None:
    kubectl("apply", "-f", "-", manifest=manifest)
    bed.verdict()
    backup = as_it_is(kubectl)

    kubectl("replace", "--subresource=status", "-f", "-", manifest=backup)

    assert told(bed, server) == [OPS]


def test_a_spec_that_is_changed_and_changed_back_is_tested_again(
    bed: Bed, server: MailServer, kubectl: Kubectl, manifest: dict[str, Any]
) -> None:
    kubectl("apply", "-f", "-", manifest=manifest)
    bed.verdict()
    other = smtp_config("mail", settings(server, recipients={"to": ["new@example.com"]}))

    kubectl("apply", "-f", "-", manifest=other)
    bed.verdict()
    kubectl("apply", "-f", "-", manifest=manifest)
    bed.verdict()

    assert told(bed, server) == [OPS, "new@example.com", OPS]


def test_two_managers_of_status_leave_each_others_conditions(
    bed: Bed, server: MailServer, manifest: dict[str, Any]
) -> None:
    approved = {
        "type": "approvals.example.com/Approved",
        "status": "True",
        "reason": "ByHand",
        "message": "Approved.",
        "lastTransitionTime": "2026-01-31T12:00:00Z",
    }
    theirs = {**manifest, "status": {"conditions": [approved]}}
    del theirs["spec"]
    bed.api.create(bed.configs, manifest)
    before = bed.verdict()

    bed.api.apply(f"{bed.configs}/mail/status", theirs, manager="approvals")
    assert bed.seen().conditions == before.conditions | {approved["type"]: "ByHand"}

    bed.change(recipients={"to": ["second@example.com"]})
    after = bed.verdict()
    assert after.conditions == before.conditions | {approved["type"]: "ByHand"}

    approved["reason"] = "Again"
    bed.api.apply(f"{bed.configs}/mail/status", theirs, manager="approvals")
    assert bed.seen().conditions == before.conditions | {approved["type"]: "Again"}
    assert len(server.mails) == 2


def test_two_managers_of_spec_and_a_request_leave_each_others_fields(
    bed: Bed, server: MailServer, kubectl: Kubectl, manifest: dict[str, Any]
) -> None:
    kubectl("apply", "--server-side", "--field-manager=flux", "-f", "-", manifest=manifest)
    bed.verdict()

    suspended = {**manifest, "spec": {"suspend": True}}
    kubectl("apply", "--server-side", "--field-manager=on-call", "-f", "-", manifest=suspended)
    bed.ask("by hand")
    bed.wait(lambda it: it.status.get("lastHandledTestRequest") == "by hand")
    kubectl("apply", "--server-side", "--field-manager=flux", "-f", "-", manifest=manifest)

    seen = bed.verdict()
    assert seen.object["spec"]["suspend"] is True
    assert seen.metadata["annotations"]["smtp-operator.io/test-requested-at"] == "by hand"
    assert told(bed, server) == [OPS, OPS]


def test_a_dry_run_shows_no_difference(
    bed: Bed, server: MailServer, kubectl: Kubectl, manifest: dict[str, Any]
) -> None:
    kubectl("apply", "--server-side", "--field-manager=flux", "-f", "-", manifest=manifest)
    bed.verdict()

    # `kubectl diff` exits with 1 if there is a difference, which is an error here.
    words = ["diff", "--server-side", "--field-manager=flux", "-f", "-"]
    assert kubectl(*words, manifest=manifest) == ""


def word(seen: ObservedObject) -> Kstatus:
    return kstatus(seen.object).status


def test_kstatus_of_a_new_one_is_in_progress_until_its_verdict(
    bed: Bed, server: MailServer, start_operator: Callable[..., OperatorProcess], operator: OperatorProcess
) -> None:
    server.unanswered = {"RCPT"}

    assert word(bed.create(server)) is Kstatus.IN_PROGRESS
    assert word(bed.wait(lambda it: it.reason == "Testing")) is Kstatus.IN_PROGRESS


def test_kstatus_of_one_that_passed_is_current(bed: Bed, server: MailServer) -> None:
    assert word(bed.verdict_of(server)) is Kstatus.CURRENT


def test_kstatus_of_one_that_waits_for_a_change_is_failed(bed: Bed, server: MailServer) -> None:
    assert word(bed.verdict_of(server, smtpType="TLS")) is Kstatus.FAILED


def test_kstatus_of_one_that_waits_for_its_secret_is_in_progress(bed: Bed, server: MailServer) -> None:
    seen = bed.verdict_of(server, username="mailer", password={"secretRef": {"name": "missing"}})
    assert word(seen) is Kstatus.IN_PROGRESS


def test_kstatus_of_a_suspended_one_without_a_verdict_is_in_progress(bed: Bed, server: MailServer) -> None:
    assert word(bed.verdict_of(server, suspend=True)) is Kstatus.IN_PROGRESS


def test_a_verdict_of_an_older_spec_is_not_waited_for(
    bed: Bed,
    server: MailServer,
    cluster: LocalCluster,
    start_operator: Callable[..., OperatorProcess],
    tmp_path: Path,
) -> None:
    """Wait with kubectl, which compares observedGeneration, so a new spec never looks ready too early."""
    bed.verdict_of(server)
    server.unanswered = {"MAIL"}
    bed.change(recipients={"to": ["second@example.com"]})

    words = ["wait", "smtpconfig/mail", "-n", bed.namespace, "--for=condition=Ready", "--timeout=1s"]
    done = cluster.kubectl(*words, check=False)

    assert (done.returncode, done.stdout) == (1, "")
    assert "timed out waiting for the condition on smtpconfigs/mail" in done.stderr
