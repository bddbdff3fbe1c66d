# SPDX-License-Identifier: Apache-2.0
"""A real API server, a real operator, and chromium. If chromium is missing, every test here fails."""

import itertools
from collections.abc import Generator, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from smtp_testkit.browser import OpenPage, UiCommand, Visit, chromium
from smtp_testkit.mailpeers import MailServer
from smtp_testkit.mailpeers.tokenserver import TokenServer
from smtp_testkit.testbed import Api, Bed, Manifests, OperatorProcess
from smtp_testkit.testbed.evidence import Evidence, folder_name
from smtp_testkit.testbed.operator_process import LOOPBACK
from smtp_tools.localcluster import LocalCluster

PASSWORD = "s3cret-Passw0rd"
CLIENT = "6731de76-14a6-49ae-97bc-6eba6914391e"
SECRET = "c4nary-Client-S3cret"
FLAGS = (
    *LOOPBACK,
    "--allow-imap-port=1-65535",
    "--allow-vault-port=1-65535",
    "--allow-authority-host=localhost",
    "--allow-key-vault-host=127.0.0.1",
)

_numbers = itertools.count(1)
_VISITS = pytest.StashKey[list[Visit]]()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The browser of all tests; each test has its own contexts."""
    with chromium.running() as running:
        yield running


@pytest.fixture(scope="session")
def endpoint() -> Iterator[TokenServer]:
    """A token endpoint for OAuth2, whose CA the operator trusts, as it trusts public ones."""
    with TokenServer.running(secrets={CLIENT: SECRET}) as running:
        yield running


@pytest.fixture(scope="session")
def relay(endpoint: TokenServer) -> Iterator[MailServer]:
    """A mail server whose CA the operator trusts; it accepts the endpoint's tokens too."""
    with MailServer.in_thread(users={"mailer": PASSWORD}, tokens=endpoint.issued) as running:
        yield running


@pytest.fixture(scope="session")
def operator(
    cluster: LocalCluster, relay: MailServer, endpoint: TokenServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[OperatorProcess]:
    """The operator of all tests, which must not stop it."""
    folder = tmp_path_factory.mktemp("operator")
    manifests = Manifests.read().permissions()
    cluster.kubectl("apply", "--server-side", "-f", "-", input=str(manifests))
    kubeconfig = cluster.kubeconfig_for_service_account(*manifests.service_account)
    (folder / "ca.pem").write_text(relay.ca_pem + endpoint.ca_pem)
    flags = [*FLAGS, f"--ca-file={folder / 'ca.pem'}"]
    with OperatorProcess(kubeconfig, folder / "operator.log", flags) as process:
        yield process.start()


@pytest.fixture
def bed(api: Api, namespace: str, operator: OperatorProcess) -> Bed:
    """A namespace for one test."""
    return Bed(api, namespace)


@pytest.fixture
def server() -> Iterator[MailServer]:
    """A mail server that accepts every email, and the username mailer."""
    with MailServer.in_thread(users={"mailer": PASSWORD}) as running:
        yield running


@pytest.fixture
def open_page(
    browser: Browser, cluster: LocalCluster, bed: Bed, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[OpenPage]:
    """Opens the page of the test's namespace."""
    visits = request.node.stash.setdefault(_VISITS, [])
    with ExitStack() as stack:

        def open_(*flags: str, kubeconfig: Path | None = None, **options: Any) -> Visit:
            log = tmp_path / f"ui-{next(_numbers)}.log"
            command = UiCommand(kubeconfig or cluster.kubeconfig, log, *(flags or ("-n", bed.namespace)))
            visit = Visit(browser, stack.enter_context(command).url, **options)
            stack.callback(visit.close)
            visits.append(visit)
            visit.open()
            return visit

        yield open_
        for visit in visits:
            visit.check()


@pytest.fixture
def visit(open_page: OpenPage) -> Visit:
    """The page of the test's namespace, for an administrator."""
    return open_page()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Save the evidence of a failed test, with a picture of each page, and report its folder."""
    report = yield
    if report.failed and report.when == "call" and isinstance(item, pytest.Function):
        evidence = Evidence(item.config.rootpath / ".failures" / folder_name(item.nodeid))
        evidence.text("failure.txt", item.nodeid)
        evidence.of_test(item.funcargs, [])
        visits: list[Visit] = item.stash.get(_VISITS, [])
        for number, visit in enumerate(visits):
            visit.page.screenshot(path=evidence.folder / f"page-{number}.png", full_page=True)
            evidence.lines(f"page-{number}.txt", visit.complaints)
        report.sections.append(("evidence", f"kept in {evidence.folder}"))
    return report


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that renews the pictures of the documentation."""
    parser.addoption("--write-screenshots", action="store_true", help="store the screenshots in docs/images")
