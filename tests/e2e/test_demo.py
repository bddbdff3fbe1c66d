# SPDX-License-Identifier: Apache-2.0
"""`make demo` in an existing cluster. `.ci/run` also runs it on a control plane that it starts."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from smtp_testkit.testbed import Api
from smtp_tools.demo.mailbox import Programs
from smtp_tools.localcluster import LocalCluster
from smtp_tools.paths import PYTHONPATH

ROOT = Path(__file__).parent.parent.parent
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"


def demo(cluster: LocalCluster, *words: str) -> subprocess.CompletedProcess[str]:
    environment = cluster.environment() | {"PYTHONPATH": PYTHONPATH}
    command = [sys.executable, "-m", "smtp_tools.demo", *words]
    return subprocess.run(
        command,
        check=False,
        env=environment,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


def its_namespaces(api: Api) -> list[str]:
    names = [it["metadata"]["name"] for it in api.items("/api/v1/namespaces")]
    return [name for name in names if name.startswith("smtp-demo-")]


@pytest.fixture(scope="module")
def played(cluster: LocalCluster) -> subprocess.CompletedProcess[str]:
    """The finished demo in a context of the user's kubeconfig."""
    return demo(cluster, "--context", "local", "--yes")


def test_it_exits_0_if_all_verdicts_are_as_expected(played: subprocess.CompletedProcess[str]) -> None:
    assert (played.returncode, "All verdicts are as expected" in played.stdout) == (0, True), played.stderr


@pytest.mark.parametrize(
    "line",
    [
        r"works .* True +TestEmailSent",
        r"works-with-vault .* True +TestEmailSent",
        r"wrong-password .* False +AuthenticationFailed in Auth: 535",
        r"wrong-tls-type .* TLS +False +PlaintextServer",
        r"wrong-port .* False +ConnectionRefused",
        r"unknown-host .*\.invalid .* False +HostNotFound",
        r"missing-secret .* False +SecretNotFound",
        r"refused-recipient .* False +RecipientsRefused",
        r"wrong-tls-type .* StartTLS +True +TestEmailSent",
    ],
)
def test_it_shows_every_verdict(played: subprocess.CompletedProcess[str], line: str) -> None:
    assert re.search(line, played.stdout)


def test_it_shows_the_vault_and_the_version_of_the_password(played: subprocess.CompletedProcess[str]) -> None:
    assert re.search(r"openbao +HashiCorpVault +True +VaultLoginSucceeded", played.stdout)
    assert '{"reference":"openbao/mail/smtp","source":"HashiCorpVault","version":"1"}' in played.stdout


def test_it_shows_the_mail_that_arrived(played: subprocess.CompletedProcess[str]) -> None:
    assert "Subject: Test email: SmtpConfig" in played.stdout
    assert "To: ops@example.com" in played.stdout


def test_it_shows_an_email_in_its_mailbox_if_dovecot_is_installed(
    played: subprocess.CompletedProcess[str],
) -> None:
    arrived = re.search(
        r"arrives  InInbox\n  The email arrived in the inbox of probe@example\.com", played.stdout
    )
    assert (arrived is not None) is (Programs.found() is not None)
    assert ("mailbox" in played.stderr) is (Programs.found() is not None)


def test_results_are_on_stdout_and_its_progress_is_on_stderr(
    played: subprocess.CompletedProcess[str], cluster: LocalCluster
) -> None:
    assert cluster.url in played.stderr
    assert "the operator, as system:serviceaccount:smtp-demo-" in played.stderr
    assert "the operator, as" not in played.stdout


def test_output_has_no_colors_without_a_terminal(played: subprocess.CompletedProcess[str]) -> None:
    assert "\x1b" not in played.stdout + played.stderr


def test_it_leaves_nothing_behind(
    played: subprocess.CompletedProcess[str], api: Api, cluster: LocalCluster
) -> None:
    assert played.returncode == 0
    assert its_namespaces(api) == []
    assert api.get(f"{CRDS}/smtpconfigs.smtp-operator.io")  # it was there before


def test_it_changes_nothing_if_it_cannot_ask(cluster: LocalCluster, api: Api) -> None:
    refused = demo(cluster, "--context", "local")

    assert refused.returncode == 1
    assert "YES=1" in refused.stderr
    assert its_namespaces(api) == []


def test_it_names_a_context_that_does_not_exist(cluster: LocalCluster) -> None:
    refused = demo(cluster, "--context", "nowhere", "--yes")

    assert refused.returncode == 1
    assert "nowhere" in refused.stderr
