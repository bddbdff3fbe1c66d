# SPDX-License-Identifier: Apache-2.0
"""`kubectl smtp` as kubectl runs it, on a real API server with a real operator."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.testbed import Bed, Manifests, OperatorProcess
from smtp_testkit.testbed.bed import settings, smtp_config
from smtp_testkit.testbed.operator_process import LOOPBACK
from smtp_tools.localcluster import LocalCluster

pytestmark = pytest.mark.usefixtures("operator")

Kubectl = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def operator(service_account: Path, logs: Path) -> Iterator[OperatorProcess]:
    """An operator that runs SmtpTests with configRef."""
    flags = [*LOOPBACK, "--smtp-tests", "--log-level=debug"]
    with OperatorProcess(service_account, logs / "kubectl-smtp.log", flags) as process:
        yield process.start()


@pytest.fixture
def kubectl(cluster: LocalCluster, bed: Bed, tmp_path: Path) -> Kubectl:
    """Run kubectl with the plug-in on its PATH, in the test's namespace."""

    def run(*words: str, kubeconfig: Path | None = None) -> subprocess.CompletedProcess[str]:
        scripts = Path(sys.executable).parent
        path = f"{cluster.kubectl_path.parent}{os.pathsep}{scripts}{os.pathsep}{os.defpath}"
        environment = {
            "PATH": path,
            "HOME": str(tmp_path),
            "KUBERC": "off",
            "KUBECONFIG": str(kubeconfig or cluster.kubeconfig),
            "LC_ALL": "C.UTF-8",
        }
        return subprocess.run(
            [str(cluster.kubectl_path), *words],
            env=environment,
            stdin=subprocess.DEVNULL,
            check=False,
            capture_output=True,
            text=True,
            timeout=100,
        )

    return run


def test_a_passing_test_is_requested_and_shown(bed: Bed, server: MailServer, kubectl: Kubectl) -> None:
    bed.create(server, suspend=True)
    bed.verdict()

    done = kubectl("smtp", "test", "mail", "-n", bed.namespace)

    assert (done.returncode, done.stdout) == (
        0,
        f"✓ TestEmailSent  {bed.namespace}/mail\n"
        "  Accepted for delivery to 1 recipient by 127.0.0.1 (queue id 1). Accepted does not mean "
        "delivered.\n"
        "  If the email does not arrive, check the spam folder. All recipients are in the From domain, so\n"
        "  this proves nothing about other domains. Set a recipient elsewhere to test them.\n"
        "  The server replied: 250 2.0.0 queued as 1\n"
        "  Next test never: suspended.\n",
    ), done
    assert [line.split()[1] for line in done.stderr.splitlines()][1:] == [
        "Resolve", "Connect", "Banner", "Ehlo", "MailFrom", "RcptTo", "Data",
    ]  # fmt: skip
    assert len(server.mails) == 1


def test_a_failing_test_shows_the_dialogue_and_sets_the_exit_code(
    bed: Bed, server: MailServer, kubectl: Kubectl
) -> None:
    bed.create(server, suspend=True)
    bed.verdict()
    server.replies["MAIL"] = "550 5.7.1 sender not allowed"

    done = kubectl("smtp", "test", "mail", "-n", bed.namespace)

    assert done.returncode == 1, done
    assert done.stdout.startswith(f"✗ FromAddressRejected in MailFrom: 550 5.7.1  {bed.namespace}/mail\n")
    assert "    S: 550 5.7.1 sender not allowed\n" in done.stdout
    assert done.stderr.endswith("MailFrom 0ms\n") or "✗ MailFrom" in done.stderr


def test_the_phase_of_a_slow_test_is_shown_live(bed: Bed, server: MailServer, kubectl: Kubectl) -> None:
    bed.create(server, suspend=True)
    bed.verdict()
    server.unanswered = {"RCPT"}

    done = kubectl("smtp", "test", "mail", "-n", bed.namespace, "--timeout", "8s")

    assert done.returncode == 3, done
    assert done.stderr.splitlines()[1:] == [
        f"  … {bed.namespace}/mail: phase RcptTo",
        f"kubectl smtp: {bed.namespace}/mail: no verdict within 8s: its test is still running,"
        " in phase RcptTo",
    ]


def test_a_missing_password_has_a_separate_exit_code(bed: Bed, server: MailServer, kubectl: Kubectl) -> None:
    bed.create(server, suspend=True, username="mailer", password={"secretRef": {"name": "missing"}})
    bed.verdict()

    done = kubectl("smtp", "test", "mail", "-n", bed.namespace, "-o", "json")

    (item,) = json.loads(done.stdout)["items"]
    assert (done.returncode, item["reason"], item["exitCode"]) == (4, "SecretNotFound", 4)


def test_a_selector_tests_several_smtpconfigs(bed: Bed, server: MailServer, kubectl: Kubectl) -> None:
    for name in ("one", "two", "other"):
        bed.create(server, name, suspend=True)
        bed.verdict(name)
    for name in ("one", "two"):
        bed.api.patch(f"{bed.configs}/{name}", {"metadata": {"labels": {"mail": "yes"}}})

    done = kubectl("smtp", "test", "-l", "mail=yes", "-n", bed.namespace)

    assert done.returncode == 0, done
    verdicts = sorted(line for line in done.stdout.splitlines() if line.startswith("✓"))
    assert verdicts == [f"✓ TestEmailSent  {bed.namespace}/{name}" for name in ("one", "two")]
    assert len(server.mails) == 2


def test_status_and_its_filters(bed: Bed, server: MailServer, kubectl: Kubectl) -> None:
    bed.create(server, "good")
    bed.create(server, "bad", smtpType="TLS")
    bed.verdict("good")
    bed.verdict("bad")

    done = kubectl("smtp", "status", "-n", bed.namespace, "--server", "127.0.0.1", "--not-ready")

    head, row = done.stdout.splitlines()
    assert (done.returncode, head.split()) == (0, ["NAME", "READY", "STATUS", "SINCE", "NEXT-TEST"])
    assert row.split()[:4] == ["bad", "False", "PlaintextServer", "in"]
    assert done.stderr == f"1 SmtpConfig in namespace {bed.namespace}: 1 failed.\n"
    assert bed.namespace in kubectl("smtp", "status", "-A").stdout


def test_the_suggestion_is_a_patch_that_makes_it_work(bed: Bed, server: MailServer, kubectl: Kubectl) -> None:
    bed.create(server, smtp_type="StartTLS", tls=bed.trust(server), smtpType="TLS", server="localhost")
    assert bed.verdict().reason == "PlaintextServer"

    patch = kubectl("smtp", "suggest", "mail", "-n", bed.namespace).stdout
    done = kubectl("patch", "smtpconfig", "mail", "-n", bed.namespace, "--type=merge", "-p", patch)

    assert yaml.safe_load(patch) == {"spec": {"smtpType": "StartTLS"}}
    assert done.returncode == 0, done
    assert bed.verdict().reason == "TestEmailSent"


def test_explain_needs_no_cluster(kubectl: Kubectl) -> None:
    done = kubectl("smtp", "explain", "relaydenied", kubeconfig=Path("/nonexistent"))
    assert (done.returncode, done.stdout.splitlines()[0]) == (0, "RelayDenied")


def test_kubectl_completes_names_commands_and_reasons(bed: Bed, server: MailServer, kubectl: Kubectl) -> None:
    bed.verdict_of(server)
    assert kubectl("__complete", "smtp", "sta").stdout.splitlines() == [
        "status\tshow verdicts, reasons and next tests",
        ":4",
    ]
    named = kubectl("__complete", "smtp", "test", "-n", bed.namespace, "")
    assert named.stdout.splitlines() == ["mail\tTestEmailSent", ":4"]
    assert kubectl("__complete", "smtp", "explain", "Greyl").stdout.startswith("Greylisted\t")
    assert f"{bed.namespace}\n" in kubectl("__complete", "smtp", "status", "-n", bed.namespace[:-1]).stdout


@pytest.fixture
def person(cluster: LocalCluster, bed: Bed, manifests: Manifests) -> Callable[..., Path]:
    """Returns the kubeconfig of a user with one of the shipped roles."""
    roles = Path(__file__).parents[2] / "deploy" / "manifests" / "30-user-roles.yaml"
    cluster.kubectl("apply", "-f", str(roles))

    def bound(role: str) -> Path:
        cluster.kubectl("-n", bed.namespace, "create", "serviceaccount", role)
        account = f"--serviceaccount={bed.namespace}:{role}"
        cluster.kubectl("-n", bed.namespace, "create", "rolebinding", role, f"--clusterrole={role}", account)
        return cluster.kubeconfig_for_service_account(bed.namespace, role)

    return bound


def test_the_edit_role_can_test(
    bed: Bed, server: MailServer, kubectl: Kubectl, person: Callable[..., Path]
) -> None:
    bed.create(server, suspend=True)
    bed.verdict()
    done = kubectl("smtp", "test", "mail", kubeconfig=person("smtp-operator-edit"))
    assert done.returncode == 0, done


def test_the_view_role_can_see_but_not_test(
    bed: Bed, server: MailServer, kubectl: Kubectl, person: Callable[..., Path]
) -> None:
    bed.create(server, suspend=True)
    bed.verdict()
    viewer = person("smtp-operator-view")

    assert kubectl("smtp", "status", kubeconfig=viewer).returncode == 0
    done = kubectl("smtp", "test", "mail", kubeconfig=viewer)

    assert (done.returncode, done.stdout) == (2, "")
    assert "the test cannot be requested: PATCH " in done.stderr
    assert 'cannot patch resource "smtpconfigs"' in done.stderr


def file_of(server: MailServer, path: Path, **spec: object) -> Path:
    """Write a SmtpConfig with an inline password to a file."""
    login = {"username": "mailer", "password": {"value": server.users["mailer"]}, "allowInsecureAuth": True}
    path.write_text(yaml.safe_dump(smtp_config("new", settings(server, **login | spec))))
    return path


def test_a_file_is_tested_and_nothing_of_it_stays(
    bed: Bed, server: MailServer, kubectl: Kubectl, tmp_path: Path
) -> None:
    file = file_of(server, tmp_path / "mail.yaml")

    done = kubectl("smtp", "test", "-f", str(file), "-n", bed.namespace)

    assert done.returncode == 0, done
    assert done.stdout.startswith(f"✓ TestEmailSent  {bed.namespace}/new\n")
    assert "SmtpTest kubectl-smtp-" in done.stderr
    assert server.users["mailer"] not in done.stdout + done.stderr
    assert len(server.mails) == 1
    assert bed.api.items(bed.tests) == bed.api.items(bed.configs) == []
    assert bed.api.items(bed.core("secrets")) == []


def test_a_file_that_fails_shows_why_and_sets_the_exit_code(
    bed: Bed, server: MailServer, kubectl: Kubectl, tmp_path: Path
) -> None:
    file = file_of(server, tmp_path / "mail.yaml", password={"value": "wrong-password"})

    done = kubectl("smtp", "test", "-f", str(file), "-n", bed.namespace, "-o", "json")

    (item,) = json.loads(done.stdout)["items"]
    assert (done.returncode, item["reason"], item["exitCode"]) == (1, "AuthenticationFailed", 1)
    assert "wrong-password" not in done.stdout + done.stderr
    assert bed.api.items(bed.core("secrets")) == []


def test_a_killed_plug_in_leaves_a_secret_that_its_smtp_test_owns(
    bed: Bed, server: MailServer, cluster: LocalCluster, tmp_path: Path
) -> None:
    server.unanswered = {"RCPT"}
    file = file_of(server, tmp_path / "mail.yaml")
    environment = {"PATH": os.defpath, "HOME": str(tmp_path), "KUBECONFIG": str(cluster.kubeconfig)}
    program = Path(sys.executable).parent / "kubectl-smtp"
    words = [str(program), "test", "-f", str(file), "-n", bed.namespace]
    with subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        started = bed.api.wait_any(bed.tests, lambda it: "currentTest" in it.get("status", {}))
        process.kill()
    name, uid = started["metadata"]["name"], started["metadata"]["uid"]
    secret = bed.api.get(f"{bed.core('secrets')}/{name}")
    assert [(it["kind"], it["uid"]) for it in secret["metadata"]["ownerReferences"]] == [("SmtpTest", uid)]

    bed.api.delete(f"{bed.tests}/{name}")  # the operator does so five minutes after the end

    bed.api.wait_gone(bed.core("secrets"), name)


def test_to_sends_to_the_user_alone(bed: Bed, server: MailServer, kubectl: Kubectl) -> None:
    bed.create(server, suspend=False, recipients={"to": ["ops@example.com"], "cc": ["team@example.com"]})
    bed.verdict()

    done = kubectl("smtp", "test", "mail", "--to", "me@example.com", "-n", bed.namespace)

    assert done.returncode == 0, done
    assert server.mails[-1].recipients == ("me@example.com",)


def test_the_test_role_tests_a_smtp_config_that_it_cannot_read(
    bed: Bed, server: MailServer, kubectl: Kubectl, person: Callable[..., Path]
) -> None:
    bed.verdict_of(server)

    done = kubectl("smtp", "test", "mail", kubeconfig=person("smtp-operator-test"))

    assert (done.returncode, done.stdout.splitlines()[0]) == (0, f"✓ TestEmailSent  {bed.namespace}/mail"), (
        done
    )
    assert len(server.mails) == 2
    assert bed.api.items(bed.tests) == []


def test_the_test_role_tests_several_smtp_configs_at_once(
    bed: Bed, server: MailServer, kubectl: Kubectl, person: Callable[..., Path]
) -> None:
    for name in ("one", "two"):
        bed.create(server, name)
        bed.verdict(name)

    done = kubectl("smtp", "test", "one", "two", "missing", kubeconfig=person("smtp-operator-test"))

    shown = sorted(line.split()[-1] for line in done.stdout.splitlines() if line.startswith(("✓", "✗")))
    assert shown == [f"{bed.namespace}/{name}" for name in ("missing", "one", "two")], done
    assert done.returncode == 1
    assert "SmtpConfigNotFound" in done.stdout
    assert len(server.mails) == 4


def test_the_view_role_learns_what_it_lacks_for_a_file(
    bed: Bed, server: MailServer, kubectl: Kubectl, person: Callable[..., Path], tmp_path: Path
) -> None:
    file = file_of(server, tmp_path / "mail.yaml")

    done = kubectl("smtp", "test", "-f", str(file), kubeconfig=person("smtp-operator-view"))

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"kubectl smtp: {bed.namespace}/new: you lack rights in namespace {bed.namespace} that a SmtpTest"
        " needs: create and delete on smtptests, create, get, patch and delete on secrets. Ask for the role"
        " smtp-operator-test\n"
    )
    assert bed.api.items(bed.core("secrets")) == []
