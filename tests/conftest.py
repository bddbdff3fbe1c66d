# SPDX-License-Identifier: Apache-2.0
"""What tests share: one real control plane in a process, and a namespace of its own for each test."""

import asyncio
import contextlib
import itertools
import json
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

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
from testbed.crd_deletions import CRDS as CRD_PATH
from testbed.manifests import CRDS
from testbed.operator_process import leave_alone
from testbed.shared_audit import SharedAudit, audit_of
from testbed.shared_cluster import ClusterOfTheRun, SharedCluster
from testbed.side_by_side import (
    PLACE,
    InTurn,
    Place,
    SideBySide,
    namespaces_of_others,
    own_prefix,
    processes,
    put_in_order,
)
from testbed.status_watch import StatusWatch
from testbed.waiting import until

ROOT = Path(__file__).parent.parent
TIERS = {
    ROOT / "tests" / "peers": "test-peers (Postfix, Dovecot and swaks of Debian's packages, as root)",
    ROOT / "tests" / "prometheus": "test-monitoring (metrics, alerts and dashboard, by Debian's Prometheus)",
    ROOT / "tests" / "image": "test-image (the container image, built by buildah and run by runc, as root)",
}
"""Folders that `make test` leaves out, since they need Debian packages: the target for each."""

FIRST = (ROOT / "tests" / "install", ROOT / "tests" / "upgrade")
"""Folders that need a control plane with nothing of ours in it, and leave it so."""
ON_CLUSTER = pytest.StashKey[bool]()
"""Whether a test needs the control plane of the run."""
LONGEST = (
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
    "tests/e2e/test_two_operators.py",
    "tests/e2e/test_rechecks.py",
    "tests/docs/test_commands_do_what_the_docs_say.py",
    "tests/e2e/test_requested_tests.py",
)
"""Files that others run beside, longest first."""

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
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """For ``-n auto``."""
    return processes(waiting=config.option.markexpr != "not cluster")


def pytest_configure(config: pytest.Config) -> None:
    """One process hands out the tests and has the control plane; all run their tests in turn."""
    config.pluginmanager.register(KeptCollection())
    list_fixtures_alone()
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(SideBySide())
        shared = SharedCluster()
        config.pluginmanager.register(shared)
        if config.getoption("--audit-permissions"):
            config.pluginmanager.register(SharedAudit(lambda: audit_of(shared)))
    config.pluginmanager.register(InTurn(config))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks what needs the control plane, so that `make unit` can leave it out, and says who has it when."""
    for item in items:
        fixtures: Collection[str] = getattr(item, "fixturenames", ())
        # pytest does not tell what the parameter of a fixture asks for; such a parameter has the marker.
        item.stash[ON_CLUSTER] = "plane" in fixtures or item.get_closest_marker("cluster") is not None
        if item.stash[ON_CLUSTER] or "helm" in fixtures or item.get_closest_marker("own_cluster"):
            item.add_marker("cluster")
    files = {item.path for item in items if item.stash[ON_CLUSTER]}
    for item in items:
        item.stash[PLACE] = _place(item) if item.path in files else Place.BESIDE
    put_in_order(config, items, LONGEST)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """What operators of this test leave to those of others, which run at the same time."""
    others = namespaces_of_others(item.config) if item.stash[PLACE] is Place.SHARED else []
    leave_alone([*others, "smtp-demo-*"] if others else [])


def _place(item: pytest.Item) -> Place:
    if any(folder in item.path.parents for folder in FIRST):
        return Place.FIRST
    return Place.ALONE if item.get_closest_marker("alone") else Place.SHARED


@pytest.fixture(scope="session")
def plane(request: pytest.FixtureRequest) -> LocalCluster:
    """The control plane of this run; what it holds depends on who was there before."""
    unmarked = request.config.option.markexpr == "not cluster"
    assert not unmarked, "make unit is without a control plane: have the test ask for one before it runs"
    return ClusterOfTheRun(request.config)


@pytest.fixture(scope="session")
def cluster(plane: LocalCluster) -> LocalCluster:
    """It, with the CRDs of this tree; whoever breaks it mends it before his test ends."""
    plane.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRDS))
    plane.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
    _know_the_category(plane)
    return plane


def _know_the_category(running: LocalCluster) -> None:
    """Has kubectl discover the new kinds: what it keeps of discovery from before would hide the category."""
    kinds = {kind.plural for kind in KINDS}
    words = ["api-resources", "--categories=smtp-operator"]
    until(
        lambda: kinds <= set(running.kubectl(*words).stdout.split()),
        "the API server never told of the CRDs' category",
    )


@pytest.fixture(scope="session")
def api(plane: LocalCluster) -> Iterator[Api]:
    """Its API server, as the administrator sees it."""
    administrator = Api(plane.url, plane.ca_file, plane.admin_token)
    yield administrator
    administrator.close()


@pytest.fixture(scope="session")
def statuses(api: Api, pytestconfig: pytest.Config) -> Iterator[StatusWatch]:
    """Every status written there, but for what tests of other processes have written."""
    with StatusWatch.following(api, but=namespaces_of_others(pytestconfig)) as watch:
        yield watch


@pytest.fixture(autouse=True)
def linted(request: pytest.FixtureRequest) -> Iterator[None]:
    """Holds every status that the operator writes while a test has a control plane to the rules."""
    if not request.node.stash[ON_CLUSTER]:
        yield
        return
    statuses: StatusWatch = request.getfixturevalue("statuses")
    cluster_wide = statuses.writes(namespace="")
    if "namespace" in request.fixturenames:
        request.getfixturevalue("namespace")  # it ends after this: no status may show what its Secrets hold
    yield
    statuses.check()
    if request.node.stash[PLACE] is Place.SHARED:
        assert statuses.writes(namespace="") == cluster_wide, (
            "operators of all test processes judge a ClusterSmtpVault: mark the test that makes one as alone"
        )


@pytest.fixture
def namespace(api: Api, pytestconfig: pytest.Config) -> Iterator[str]:
    """A fresh namespace."""
    name = f"{own_prefix(pytestconfig)}{next(_numbers)}"
    api.create("/api/v1/namespaces", {"metadata": {"name": name}})
    yield name
    # A namespace takes its time to end; meanwhile the operator of another test would work on what is in it.
    for plural in (kind.plural for kind in KINDS if kind.namespaced):
        with contextlib.suppress(ApiError):
            api.delete(f"/apis/{API_VERSION}/namespaces/{name}/{plural}")
    api.delete(f"/api/v1/namespaces/{name}")


@pytest.fixture
def older_crd(cluster: LocalCluster, api: Api) -> Iterator[None]:
    """The CRD of SmtpConfig knows no `status.suggestion`; for tests that are alone."""
    current = api.get(f"{CRD_PATH}/smtpconfigs.smtp-operator.io")
    for version in current["spec"]["versions"]:
        properties = version["schema"]["openAPIV3Schema"]["properties"]
        del properties["status"]["properties"]["suggestion"]
    current["metadata"].pop("managedFields")
    cluster.kubectl("replace", "-f", "-", input=json.dumps(current))
    try:
        until(lambda: _publishes(api, "suggestion") is False, "the API server never published the older CRD")
        yield
    finally:
        cluster.kubectl("apply", "--server-side", "--force-conflicts", "-f", str(CRDS))
        until(lambda: _publishes(api, "suggestion") is True, "the CRD of this tree was never published")


def _publishes(api: Api, field: str) -> bool | None:
    """Whether its OpenAPI has a field of a status of ours; None: it publishes none yet after a change."""
    try:
        components: Mapping[str, Any] = api.get(f"/openapi/v3/apis/{API_VERSION}").get("components", {})
    except ApiError:
        return None
    for name, schema in components.get("schemas", {}).items():
        if name.endswith(".SmtpConfig") and "status" in schema.get("properties", {}):
            return field in schema["properties"]["status"]["properties"]
    return None


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
