# SPDX-License-Identifier: Apache-2.0
"""The global flags of kubectl, before and after the command, and the versions of both sides."""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from smtp_testkit.fakeapi import Answer, FakeApi
from smtp_testkit.fakeapi.smtpconfigs import LIST, listed, smtp_config

ROOT = Path(__file__).parents[4]
Offline = Callable[..., Any]
Smtp = Callable[..., Any]
OTHER_LIST = LIST.replace("team-a", "team-b")
DEPLOYMENTS = "/apis/apps/v1/deployments"


@pytest.mark.parametrize(
    "words",
    [
        ("-n", "team-b", "status"),
        ("--namespace=team-b", "status"),
        ("--context", "there", "status"),
        ("--insecure-skip-tls-verify=true", "--context=there", "status"),
        ("--insecure-skip-tls-verify=false", "--context=there", "status", "--insecure-skip-tls-verify"),
        ("status", "-n", "team-b"),
    ],
)
async def test_global_flags_can_precede_the_command(
    words: tuple[str, ...], fake: FakeApi, smtp: Smtp
) -> None:
    fake.on("GET", OTHER_LIST, Answer(body=listed(smtp_config())))
    assert (await smtp(*words)).code == 0
    assert len(fake.asked("GET", OTHER_LIST)) == 1


async def test_as_impersonates_a_user_with_groups(fake: FakeApi, smtp: Smtp) -> None:
    fake.on("GET", LIST, Answer(body=listed(smtp_config())))
    assert (await smtp("--as", "jane", "--as-group=a", "status", "--as-group", "b")).code == 0
    (request,) = fake.asked("GET", LIST)
    assert request.headers["Impersonate-User"] == "jane"
    assert request.headers["Impersonate-Group"] == "a"


def test_a_group_requires_a_user(offline: Offline) -> None:
    ended = offline("status", "--as-group", "a")
    assert (ended.code, ended.err) == (2, "kubectl smtp: --as-group requires --as\n")


async def test_a_token_replaces_that_of_the_kubeconfig(fake: FakeApi, smtp: Smtp) -> None:
    fake.on("GET", LIST, Answer(body=listed(smtp_config())))
    assert (await smtp("--token", "0ther", "status")).code == 0
    (request,) = fake.asked("GET", LIST)
    assert request.headers["Authorization"] == "Bearer 0ther"


@pytest.fixture
def context_of_others(kubeconfig: Path) -> None:
    """A current context with a cluster that does not answer, and a second user."""
    content = json.loads(kubeconfig.read_text())
    content["clusters"].append({"name": "far", "cluster": {"server": "http://127.0.0.1:9"}})
    content["users"].append({"name": "you", "user": {"token": "y0urs"}})
    content["contexts"][0]["context"]["cluster"] = "far"
    kubeconfig.write_text(json.dumps(content))


@pytest.mark.usefixtures("context_of_others")
async def test_cluster_and_user_replace_those_of_the_context(fake: FakeApi, smtp: Smtp) -> None:
    fake.on("GET", LIST, Answer(body=listed(smtp_config())))
    assert (await smtp("--cluster", "fake", "--user=you", "status")).code == 0
    (request,) = fake.asked("GET", LIST)
    assert request.headers["Authorization"] == "Bearer y0urs"


async def test_an_unknown_cluster_is_a_usage_error(smtp: Smtp) -> None:
    assert (await smtp("--cluster", "nowhere", "status")).code == 2


def test_a_request_timeout_is_a_duration(offline: Offline) -> None:
    ended = offline("--request-timeout", "soon", "status")
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == (
        "kubectl smtp: --request-timeout: 'soon' is not a duration such as 90s, 15m or 1h30m\n"
    )


def test_the_version_of_the_client_needs_no_cluster(offline: Offline) -> None:
    ended = offline("version", "--client")
    assert (ended.code, ended.out) == (0, f"client: {version('smtp-operator')}\n")


async def test_the_version_of_each_operator_is_that_of_its_deployment(fake: FakeApi, smtp: Smtp) -> None:
    labels = {"app.kubernetes.io/version": "0.1.0"}
    metadata = {"namespace": "smtp", "name": "smtp-operator", "labels": labels}
    fake.always("GET", DEPLOYMENTS, Answer(body={"items": [{"metadata": metadata}]}))
    client = version("smtp-operator")
    assert (await smtp("version")).out == f"client: {client}\noperator: 0.1.0 (smtp/smtp-operator)\n"
    assert (await smtp("version", "-o", "json")).json == {
        "client": client,
        "operators": [{"namespace": "smtp", "name": "smtp-operator", "version": "0.1.0"}],
    }


async def test_a_cluster_without_an_operator_is_told(fake: FakeApi, smtp: Smtp) -> None:
    fake.on("GET", DEPLOYMENTS, Answer(body={"items": []}))
    assert (await smtp("version")).out.endswith(
        "\noperator: no Deployment with the label app.kubernetes.io/name=smtp-operator\n"
    )


BLOCKED = """
import sys
from importlib.metadata import packages_distributions
needed = set(sys.argv.pop(1).split(","))
for name, owners in packages_distributions().items():
    if {it.lower() for it in owners} & needed:
        sys.modules[name] = None
from smtp_operator.cli.kubectl import commands, completion, explain, main, version
sys.exit(main.run_plugin(sys.argv[1:], {}))
"""


@pytest.mark.parametrize("words", [("version", "--client"), ("explain", "Testing")])
def test_the_plug_in_imports_no_package_of_the_extra_of_the_operator(words: tuple[str, ...]) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    names = {re.split(r"[^\w.-]", it)[0].lower() for it in extras["operator"]}
    blocked = ",".join(names - {"requests"})  # the Kubernetes client requires it too
    assert {"kopf", "hvac", "azure-identity", "uvloop"} <= set(blocked.split(","))
    command = [sys.executable, "-c", BLOCKED, blocked, *words]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")
