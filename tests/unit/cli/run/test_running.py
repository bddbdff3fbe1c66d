# SPDX-License-Identifier: Apache-2.0
"""``smtp-operator run`` as a process: startup, idle time and shutdown."""

import asyncio
import logging
import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Coroutine, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from smtp_operator.api.crd import KINDS
from smtp_operator.api.errors import AccessDenied, ApiUnavailable
from smtp_operator.cli.run.command import conclude, introduce
from smtp_operator.cluster.client import KubernetesClient
from smtp_operator.settings import Settings
from smtp_testkit.fakeapi import Answer, FakeApi
from smtp_testkit.interrupts import interruptible
from smtp_testkit.testbed import Manifests, OperatorProcess
from smtp_tools.localcluster import LocalCluster

pytestmark = pytest.mark.alone

REVIEW = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
KNOWN = Answer(body={"status": {"userInfo": {"username": "system:serviceaccount:a:b"}}})


@pytest.fixture
def kubeconfig(cluster: LocalCluster) -> Path:
    """The kubeconfig of the ServiceAccount with the shipped permissions only; the cluster has no objects."""
    cluster.kubectl("delete", ",".join(kind.plural for kind in KINDS), "--all", "--all-namespaces")
    manifests = Manifests.read().permissions()
    cluster.kubectl("apply", "-f", "-", input=str(manifests))
    return cluster.kubeconfig_for_service_account(*manifests.service_account)


@pytest.fixture
def process(kubeconfig: Path, tmp_path: Path) -> Iterator[OperatorProcess]:
    """A ready operator."""
    with OperatorProcess(kubeconfig, tmp_path / "log", ["--log-format=text"]) as it:
        it.start()
        yield it


def test_the_first_line_names_the_api_server_and_the_identity(
    process: OperatorProcess, cluster: LocalCluster, kubeconfig: Path
) -> None:
    time_, level, line = process.output().splitlines()[0].split(" ", 2)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", time_)
    assert level == "INFO"
    assert line == (
        f"smtp-operator {version('smtp-operator')} serves all namespaces of {cluster.url}"
        f" as system:serviceaccount:smtp-operator-system:smtp-operator (kubeconfig {kubeconfig})"
    )


def test_an_idle_operator_logs_nothing_more(process: OperatorProcess) -> None:
    assert len(process.output().splitlines()) == 1


def test_sigterm_stops_the_operator(process: OperatorProcess) -> None:
    assert process.stop() == 0, process.output()
    assert process.output().endswith(" INFO stopped\n")


def test_ctrl_c_stops_the_operator(kubeconfig: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "smtp_operator", "run", "--kubeconfig", str(kubeconfig)]
    environment = {"PATH": os.defpath, "HOME": str(tmp_path)}
    with interruptible(), subprocess.Popen(command, stderr=subprocess.PIPE, env=environment) as running:
        assert running.stderr is not None
        select.select([running.stderr], [], [], 90)
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == 0


def test_it_serves_the_selected_namespaces(cluster: LocalCluster, kubeconfig: Path, tmp_path: Path) -> None:
    flags = ["--namespace=team-a,team-b", "--log-format=text"]
    with OperatorProcess(kubeconfig, tmp_path / "log", flags) as process:
        process.start()
        assert f" serves team-a, team-b of {cluster.url} as " in process.output()


@pytest.mark.looptime
async def test_startup_waits_for_a_starting_api_server(
    fake: FakeApi, client: KubernetesClient, caplog: pytest.LogCaptureFixture
) -> None:
    fake.on("POST", REVIEW, Answer(503), Answer(503), KNOWN)
    with caplog.at_level(logging.INFO):
        await introduce(client, Settings())
    assert caplog.messages == [
        f"POST {REVIEW}: 503; retrying",
        f"POST {REVIEW}: 503; retrying",
        f"smtp-operator {version('smtp-operator')} serves all namespaces of {fake.url}"
        " as system:serviceaccount:a:b (test)",
    ]


async def test_the_first_line_names_the_excluded_namespaces(
    fake: FakeApi, client: KubernetesClient, caplog: pytest.LogCaptureFixture
) -> None:
    fake.on("POST", REVIEW, KNOWN)
    with caplog.at_level(logging.INFO):
        await introduce(client, Settings(exclude_namespace=("team-a", "team-*")))
    assert caplog.messages == [
        f"smtp-operator {version('smtp-operator')} serves all namespaces except team-a, team-* of {fake.url}"
        " as system:serviceaccount:a:b (test)"
    ]


@pytest.mark.looptime
async def test_startup_gives_up_on_the_api_server_after_half_a_minute(
    fake: FakeApi, client: KubernetesClient
) -> None:
    fake.always("POST", REVIEW, Answer(503))
    with pytest.raises(ApiUnavailable):
        await introduce(client, Settings())
    assert 30 < asyncio.get_running_loop().time() < 90  # the last delay may be 37.5


async def test_a_rejected_login_is_not_retried(fake: FakeApi, client: KubernetesClient) -> None:
    fake.on("POST", REVIEW, Answer(401), Answer(401))
    with pytest.raises(AccessDenied):
        await introduce(client, Settings())


def test_a_second_signal_is_harmless(kubeconfig: Path, tmp_path: Path) -> None:
    with OperatorProcess(kubeconfig, tmp_path / "log", ["--log-format=text"]) as process:
        process.start()
        process.freeze()  # so that both signals arrive before it has stopped
        os.kill(process.pid, signal.SIGTERM)
        os.kill(process.pid, signal.SIGINT)
        process.thaw()
        assert process.ended() == 0
        assert [line.split()[1] for line in process.output().splitlines()] == ["INFO", "INFO"]


async def _fails() -> None:
    raise RuntimeError("refused by a vault")


async def _ends() -> None:
    pass


async def test_after_a_signal_errors_of_other_tasks_are_ignored() -> None:
    await conclude(asyncio.create_task(_fails()), None, by_signal=True)


async def test_without_a_signal_errors_of_other_tasks_are_raised() -> None:
    with pytest.raises(RuntimeError, match="refused by a vault"):
        await conclude(asyncio.create_task(_fails()), None, by_signal=False)


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("informer", [_fails, _ends])
async def test_errors_of_the_operator_take_precedence(
    informer: Callable[[], Coroutine[Any, Any, None]], told: bool
) -> None:
    with pytest.raises(ValueError, match="a watch is dead"):
        await conclude(asyncio.create_task(informer()), ValueError("a watch is dead"), by_signal=told)
