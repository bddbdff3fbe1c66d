# SPDX-License-Identifier: Apache-2.0
"""The operator as its ServiceAccount on the real API server, and the evidence of failed tests."""

import itertools
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.testbed import Api, AuditLog, Bed, Manifests, OperatorProcess, StartOperator
from smtp_testkit.testbed.evidence import Evidence, folder_name
from smtp_testkit.testbed.manifests import NAMESPACED
from smtp_testkit.testbed.operator_process import LOOPBACK
from smtp_tools.localcluster import LocalCluster

PASSWORD = "s3cret-Passw0rd"

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def manifests(cluster: LocalCluster) -> Manifests:
    """The permissions of deploy/manifests, applied."""
    permissions = Manifests.read().permissions()
    cluster.kubectl("apply", "--server-side", "-f", "-", input=str(permissions))
    return permissions


@pytest.fixture(scope="session")
def operator_user(manifests: Manifests) -> str:
    """The user name of the operator on the API server."""
    return manifests.user


@pytest.fixture(scope="session")
def service_account(cluster: LocalCluster, manifests: Manifests) -> Path:
    """A kubeconfig of the operator's ServiceAccount."""
    return cluster.kubeconfig_for_service_account(*manifests.service_account)


@pytest.fixture(scope="session")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder for operators' logs."""
    return tmp_path_factory.mktemp("operators")


@pytest.fixture(scope="module")
def operator(service_account: Path, logs: Path) -> Iterator[OperatorProcess]:
    """A cluster-wide operator for the tests of one file, which must not stop it."""
    log = logs / f"shared-{next(_numbers)}.log"
    with OperatorProcess(service_account, log, [*LOOPBACK, "--log-level=debug"]) as process:
        yield process.start()


@pytest.fixture
def start_operator(
    service_account: Path, logs: Path, request: pytest.FixtureRequest
) -> Iterator[StartOperator]:
    """Starts operators for one test."""
    with ExitStack() as stack:

        def start(*flags: str, kubeconfig: Path | None = None) -> OperatorProcess:
            log = logs / f"own-{next(_numbers)}.log"
            arguments = [*(flags or LOOPBACK), "--log-level=debug"]
            process = OperatorProcess(kubeconfig or service_account, log, arguments)
            request.node.stash.setdefault(OPERATORS, []).append(process)
            return stack.enter_context(process).start()

        yield start


@pytest.fixture
def bed(api: Api, namespace: str, linted: None) -> Bed:
    """A namespace for one test; every status written there must follow the numbered rules."""
    return Bed(api, namespace)


@pytest.fixture
def confined(bed: Bed, cluster: LocalCluster) -> Path:
    """A kubeconfig of a ServiceAccount with the permissions of deploy/manifests/namespaced."""
    manifests = Manifests.read(NAMESPACED).for_namespace(bed.namespace).permissions()
    cluster.kubectl("apply", "-f", "-", input=str(manifests))
    return cluster.kubeconfig_for_service_account(*manifests.service_account)


@pytest.fixture
def server() -> Iterator[MailServer]:
    """A mail server that accepts every email, and the username mailer."""
    with MailServer.in_thread(users={"mailer": PASSWORD}) as running:
        yield running


@pytest.fixture
def audit(cluster: LocalCluster) -> AuditLog:
    """The requests to the API server from now on."""
    log = AuditLog(cluster.audit_log)
    log.mark()
    return log


OPERATORS = pytest.StashKey[list[OperatorProcess]]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Save the evidence of a failed test, and report its folder."""
    report = yield
    if report.failed and report.when != "teardown" and isinstance(item, pytest.Function):
        evidence = Evidence(item.config.rootpath / ".failures" / folder_name(item.nodeid))
        evidence.text("failure.txt", item.nodeid)
        operators: list[OperatorProcess] = item.stash.get(OPERATORS, [])
        evidence.of_test(item.funcargs, operators)
        report.sections.append(("evidence", f"kept in {evidence.folder}"))
    return report
