# SPDX-License-Identifier: Apache-2.0
"""What tests share: one real control plane in a process, and a namespace of its own for each test."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import hypothesis
import pytest
from kubernetes.aio.client.configuration import Configuration

from fakeapi import FakeApi
from localcluster import LocalCluster
from smtp_operator.api.crd import KINDS
from smtp_operator.api.names import API_VERSION
from smtp_operator.cluster.access import Access, find_access
from smtp_operator.cluster.client import KubernetesClient
from smtp_operator.settings import Settings
from testbed import Api
from testbed.api import ApiError
from testbed.collection import KeptCollection, list_fixtures_alone
from testbed.crd_deletions import forgotten_deletions_end
from testbed.shared_audit import SharedAudit
from testbed.side_by_side import SideBySide, processes, tell_groups
from testbed.status_watch import StatusWatch

ROOT = Path(__file__).parent.parent
TIERS = {
    ROOT / "tests" / "peers": "test-peers (Postfix, Dovecot and swaks of Debian's packages, as root)",
    ROOT / "tests" / "prometheus": "test-monitoring (metrics, alerts and dashboard, by Debian's Prometheus)",
    ROOT / "tests" / "image": "test-image (the container image, built by buildah and run by runc, as root)",
}
"""Folders that `make test` leaves out, since they need Debian packages: the target for each."""

END_TO_END = "end to end"
WAITING = "end to end, mostly waiting"
MOSTLY_WAITING = {
    f"test_{it}.py" for it in ("kubectl_smtp", "rechecks", "requested_tests", "rotation", "two_operators")
}
"""End-to-end tests of what takes its time, of which the others run beside."""
OTHERS = "control plane"
ON_THEIR_OWN = {ROOT / "tests" / "install": "install", ROOT / "tests" / "upgrade": "upgrade"}
"""Folders that need a control plane with nothing of ours in it."""
LONGEST = (
    END_TO_END,
    WAITING,
    OTHERS,
    "install",
    "tests/controlplane/test_cluster_in_the_background.py",
    "tests/demo/test_demo_alone.py",
    "tests/controlplane/test_cluster_starts_and_stops.py",
    "tests/cli/kubectl/test_kubectl_smtp_test.py",
    "tests/secrets/conformance/test_source_answers.py",
    "tests/api/test_spec_properties.py",
    "tests/secrets/vaults/test_passwords_are_forgotten.py",
    "tests/cli/check/test_check_process.py",
    "tests/secrets/conformance/test_source_logins.py",
    "tests/reconcile/test_any_history.py",
)
"""What the other tests run beside, longest first."""

# A machine that has other work is no failure.
hypothesis.settings.register_profile(
    "patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], print_blob=True
)
hypothesis.settings.load_profile("patient")

_numbers = itertools.count(1)


def _is_meant(tier: Path, config: pytest.Config) -> bool:
    named = (Path(argument.partition("::")[0]).resolve() for argument in config.args)
    return any(path == tier or tier in path.parents for path in named)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leaves the tiers that need more to whoever names them."""
    return True if collection_path in TIERS and not _is_meant(collection_path, config) else None


def pytest_addoption(parser: pytest.Parser) -> None:
    """An option for a run of all end-to-end tests."""
    parser.addoption(
        "--audit-permissions",
        action="store_true",
        help="fail where the end-to-end tests use less than the operator's role grants, or ask for more",
    )


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Says so."""
    return [
        f"tier: {what}" if _is_meant(tier, config) else f"not in this tier: make {what}"
        for tier, what in TIERS.items()
    ]


def pytest_sessionstart() -> None:
    """Says that no event loop is set; looptime's question for it would else make one that nobody closes."""
    asyncio.set_event_loop(None)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """For ``-n auto``."""
    return processes()


def pytest_configure(config: pytest.Config) -> None:
    """Where tests run side by side, has this process keep together what belongs together."""
    config.pluginmanager.register(KeptCollection())
    list_fixtures_alone()
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(SideBySide())
        config.pluginmanager.register(SharedAudit())


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks what needs the control plane, so that `make unit` can leave it out.

    What needs one runs in three groups, side by side where there are so many processes, each on a control
    plane of its own: one operator would work on the objects of another.
    """
    groups = {}
    for item in items:
        fixtures = set(getattr(item, "fixturenames", ()))
        if "cluster" in fixtures:
            item.add_marker("cluster")
        if "permissions" in fixtures:
            groups[item.nodeid] = WAITING if item.path.name in MOSTLY_WAITING else END_TO_END
        elif "cluster" in fixtures:
            own = (name for folder, name in ON_THEIR_OWN.items() if folder in item.path.parents)
            groups[item.nodeid] = next(own, OTHERS)
    tell_groups(config, groups, LONGEST)


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Iterator[LocalCluster]:
    """A control plane with the CRDs of this tree; whoever breaks it mends it before his test ends."""
    unmarked = request.config.option.markexpr == "not cluster"
    assert not unmarked, "make unit is without a control plane: have the test ask for one before it runs"
    with LocalCluster.start() as running, forgotten_deletions_end(running):
        running.kubectl("apply", "--server-side", "-f", str(ROOT / "deploy" / "crds"))
        running.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
        _know_the_category(running)
        yield running


def _know_the_category(running: LocalCluster) -> None:
    """Has kubectl discover the new kinds: what it keeps of discovery from before would hide the category."""
    deadline = time.monotonic() + 60
    kinds = {kind.plural for kind in KINDS}
    while not kinds <= set(running.kubectl("api-resources", "--categories=smtp-operator").stdout.split()):
        assert time.monotonic() < deadline, "the API server never told of the CRDs' category"


@pytest.fixture(scope="session")
def api(cluster: LocalCluster) -> Iterator[Api]:
    """Its API server, as the administrator sees it."""
    administrator = Api(cluster.url, cluster.ca_file, cluster.admin_token)
    yield administrator
    administrator.close()


@pytest.fixture(scope="session")
def statuses(api: Api) -> Iterator[StatusWatch]:
    """Every status written there."""
    with StatusWatch.following(api) as watch:
        yield watch


@pytest.fixture(autouse=True)
def linted(request: pytest.FixtureRequest) -> Iterator[None]:
    """Holds every status that the operator writes while a test has a control plane to the rules."""
    if "cluster" not in request.fixturenames:
        yield
        return
    statuses: StatusWatch = request.getfixturevalue("statuses")
    if "namespace" in request.fixturenames:
        request.getfixturevalue("namespace")  # it ends after this: no status may show what its Secrets hold
    yield
    statuses.check()


@pytest.fixture
def namespace(api: Api) -> Iterator[str]:
    """A fresh namespace."""
    name = f"test-{next(_numbers)}"
    api.create("/api/v1/namespaces", {"metadata": {"name": name}})
    yield name
    # A namespace takes its time to end; meanwhile the operator of another test would work on what is in it.
    with contextlib.suppress(ApiError):
        api.delete(f"/apis/{API_VERSION}/namespaces/{name}/smtpconfigs")
    api.delete(f"/api/v1/namespaces/{name}")


@pytest.fixture
async def fake() -> AsyncIterator[FakeApi]:
    """An API server that answers as the test says."""
    async with FakeApi.start() as running:
        yield running


@pytest.fixture
async def client(fake: FakeApi) -> AsyncIterator[KubernetesClient]:
    """A client of the fake API server."""
    configuration = Configuration(host=fake.url)
    configuration.client_session_kwargs = {"trust_env": False}
    it = KubernetesClient(Access(configuration, None, "test"))
    yield it
    await it.close()


@pytest.fixture
async def real_client(cluster: LocalCluster) -> AsyncIterator[KubernetesClient]:
    """A client of the real API server, as its administrator."""
    it = KubernetesClient(await find_access(Settings(kubeconfig=str(cluster.kubeconfig)), {}))
    yield it
    await it.close()
