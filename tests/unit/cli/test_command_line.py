# SPDX-License-Identifier: Apache-2.0
"""Output, streams and exit codes of the command line."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

from smtp_operator.__main__ import main
from smtp_operator.api.crd import KINDS
from smtp_operator.cli.main import run_program
from smtp_operator.settings import FLAGS
from smtp_tools.localcluster import LocalCluster

Output = pytest.CaptureFixture[str]


def program(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the command as a separate process."""
    return subprocess.run(
        [sys.executable, "-m", "smtp_operator", *words],
        env={"PATH": os.defpath, "HOME": "/nonexistent"} | environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )


def ended(words: Sequence[str]) -> int | str | None:
    """Return the exit code with which argparse exits the program."""
    with pytest.raises(SystemExit) as caught:
        run_program(words)
    return caught.value.code


def test_the_version_is_that_of_the_package(capsys: Output) -> None:
    assert ended(["--version"]) == 0
    assert capsys.readouterr().out == f"smtp-operator {version('smtp-operator')}\n"


def test_crds_are_printed_as_yaml(capsys: Output) -> None:
    assert run_program(["crds"]) == 0
    captured = capsys.readouterr()
    assert list(yaml.safe_load_all(captured.out)) == [kind.crd() for kind in KINDS]
    assert captured.err == ""


def test_printed_crds_can_be_applied(cluster: LocalCluster) -> None:
    crds = program("crds").stdout
    cluster.kubectl("apply", "--server-side", "--dry-run=server", "--validate=strict", "-f", "-", input=crds)


def test_a_closed_pipe_is_not_an_error() -> None:
    command = f"{sys.executable} -m smtp_operator crds | head -1"
    done = subprocess.run(command, shell=True, check=True, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("---\n", "")


def test_without_a_command_it_shows_its_help_and_fails(capsys: Output) -> None:
    assert run_program([]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("usage: smtp-operator ")


def test_the_help_is_a_result(capsys: Output) -> None:
    assert ended(["--help"]) == 0
    shown = capsys.readouterr().out
    for part in ("examples:", "exit codes:", "run the operator", "print the CustomResourceDefinitions"):
        assert part in shown


@pytest.mark.parametrize("flag", FLAGS, ids=lambda it: it.option)
def test_the_help_of_run_shows_every_flag_with_its_variable_and_default(
    flag: object, capsys: Output, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "1000")
    assert ended(["run", "--help"]) == 0
    shown = capsys.readouterr().out
    (it,) = (one for one in FLAGS if one is flag)
    assert f"  {it.option} " in shown
    assert it.setting.help in shown
    assert f"[{it.variable}]" in shown
    assert f"Default: {it.default}." in shown or not it.default


def test_an_unknown_command_is_a_usage_error(capsys: Output) -> None:
    assert ended(["walk"]) == 2
    assert "invalid choice: 'walk'" in capsys.readouterr().err


def test_a_flag_that_does_not_exist_is_a_usage_error(capsys: Output) -> None:
    assert ended(["run", "--allow-networks", "10.0.0.0/8"]) == 2
    assert "unrecognized arguments: --allow-networks" in capsys.readouterr().err


def test_abbreviated_flags_are_rejected(capsys: Output) -> None:
    assert ended(["run", "--allow-net", "10.0.0.0/8"]) == 2


def test_a_wrong_value_is_one_line_and_exit_code_2(capsys: Output) -> None:
    assert run_program(["run", "--secret-watch", "all"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "smtp-operator: --secret-watch: 'all' is not one of metadata, label, none\n"


def test_without_a_cluster_it_says_what_to_do() -> None:
    done = program("run")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        "smtp-operator: no cluster to connect to: give --kubeconfig, set KUBECONFIG, or run in a Pod\n"
    )


def test_a_refused_login_is_one_line_and_exit_code_1(cluster: LocalCluster, tmp_path: Path) -> None:
    stranger = tmp_path / "kubeconfig"
    stranger.write_text(cluster.kubeconfig.read_text().replace(cluster.admin_token, "wrong"))
    done = program("run", "--kubeconfig", str(stranger))
    assert done.returncode == 1
    assert done.stderr == (
        "smtp-operator: POST /apis/authentication.k8s.io/v1/selfsubjectreviews:"
        " 401 Unauthorized: Unauthorized\n"
    )


def test_a_forbidden_list_is_named_with_exit_code_1(cluster: LocalCluster, namespace: str) -> None:
    cluster.kubectl("-n", namespace, "create", "serviceaccount", "nobody")
    kubeconfig = cluster.kubeconfig_for_service_account(namespace, "nobody")
    done = program("run", "--kubeconfig", str(kubeconfig), "--log-format", "text")
    user = f"system:serviceaccount:{namespace}:nobody"
    assert done.returncode == 1
    first, addresses, last = done.stderr.splitlines()
    assert "endpointslices" in addresses
    assert first.endswith(
        f" INFO smtp-operator {version('smtp-operator')} serves all namespaces of {cluster.url} as {user}"
        f" (kubeconfig {kubeconfig})"
    )
    assert last == (
        "smtp-operator: GET /apis/smtp-operator.io/v1alpha1/smtpconfigs: 403 Forbidden:"
        f' smtpconfigs.smtp-operator.io is forbidden: User "{user}" cannot list resource "smtpconfigs"'
        ' in API group "smtp-operator.io" at the cluster scope'
    )


def test_a_traceback_is_shown_on_request_only(cluster: LocalCluster, namespace: str) -> None:
    cluster.kubectl("-n", namespace, "create", "serviceaccount", "nobody")
    kubeconfig = cluster.kubeconfig_for_service_account(namespace, "nobody")
    done = program("run", "--kubeconfig", str(kubeconfig), "--debug")
    assert "Traceback (most recent call last):" in done.stderr
    assert done.stderr.splitlines()[-1].startswith("smtp-operator: GET ")


def test_a_port_that_is_taken_is_a_usage_error(cluster: LocalCluster) -> None:
    taken = cluster.url.rpartition(":")[2]
    done = program("run", "--kubeconfig", str(cluster.kubeconfig), "--health-address", f"127.0.0.1:{taken}")
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        f"smtp-operator: --health-address: cannot listen on 127.0.0.1:{taken}: Address already in use"
    )


WITHOUT_EXTRA = """
import sys
for name in sys.argv.pop(1).split(","):
    sys.modules[name] = None
from smtp_operator.__main__ import main
sys.exit(main())
"""


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["run"], "run"),
        (["check", "--server", "127.0.0.1", "--port", "25", "--from", "a@example.com"], "check"),
        (["check", "-f", "missing.yaml"], "check"),
    ],
)
@pytest.mark.parametrize("missing", ["kopf,aiosmtplib,cryptography,prometheus_client", "aiosmtplib"])
def test_without_its_extra_one_sentence_names_the_extra(words: list[str], command: str, missing: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_EXTRA, missing, *words], capture_output=True, text=True, check=False
    )
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"smtp-operator: {command} needs the package ")
    assert line.endswith(
        ", which is not installed; install the operator with: pip install 'smtp-operator[operator]'"
    )
    assert (done.returncode, done.stdout) == (2, "")


def test_crds_needs_no_extra() -> None:
    extra = "kopf,aiosmtplib,cryptography,prometheus_client,azure,hvac,uvloop,requests"
    command = [sys.executable, "-c", WITHOUT_EXTRA, extra, "crds"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert len(list(yaml.safe_load_all(done.stdout))) == len(KINDS)


def test_it_is_also_a_module(monkeypatch: pytest.MonkeyPatch, capsys: Output) -> None:
    monkeypatch.setattr(sys, "argv", ["smtp-operator", "crds"])
    assert main() == 0
    assert capsys.readouterr().out.startswith("---\napiVersion: apiextensions.k8s.io/v1\n")


def test_help_and_crds_import_no_kubernetes_client() -> None:
    code = """\
        import sys
        from smtp_operator.cli.main import run_program
        run_program(["crds"])
        print([name for name in ("kubernetes", "kopf", "aiohttp") if name in sys.modules], file=sys.stderr)
        """
    command = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stderr == "[]\n"
