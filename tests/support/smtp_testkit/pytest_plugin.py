# SPDX-License-Identifier: Apache-2.0
"""The hooks of pytest for all tests: which run, in which order, and which need the control plane.

``pyproject.toml`` loads it with ``-p``. The fixtures are in ``tests/conftest.py``.
"""

import asyncio
from collections.abc import Collection
from pathlib import Path

import hypothesis
import pytest

from smtp_testkit.testbed.collection import KeptCollection, list_fixtures_alone
from smtp_testkit.testbed.durations import DurationRecorder, longest_first
from smtp_testkit.testbed.operator_process import leave_alone
from smtp_testkit.testbed.shared_audit import SharedAudit, audit_of
from smtp_testkit.testbed.shared_cluster import SharedCluster
from smtp_testkit.testbed.side_by_side import (
    PLACE,
    FileGroup,
    SideBySide,
    WaitsForLoneTests,
    namespaces_of_others,
    processes,
    put_in_order,
)
from smtp_tools.paths import ROOT

_TIERS = ROOT / "tests" / "tiers"
TIERS = {
    _TIERS / "peers": "test-peers (Postfix, Dovecot, OpenDKIM and others of Debian's packages, as root)",
    _TIERS / "prometheus": "test-monitoring (metrics, alerts and dashboard, by Debian's Prometheus)",
    _TIERS / "browser": "test-browser (the page of kubectl smtp ui, in Debian's chromium)",
    _TIERS / "image": "test-image (the container image, built by buildah and run by runc, as root)",
    _TIERS / "recipes": "test-recipes (the recipes, by the parsers of the applications, which it downloads)",
}
"""Folders that `make test` omits because they need other software, and the target for each."""

FIRST = (ROOT / "tests" / "cluster" / "install", ROOT / "tests" / "cluster" / "upgrade")
"""Folders that need a control plane without any object of this project, and leave it so."""

ON_CLUSTER = pytest.StashKey[bool]()
"""Whether a test needs the control plane of the run."""

# A busy machine is no failure.
hypothesis.settings.register_profile(
    "patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], print_blob=True
)
hypothesis.settings.load_profile("patient")


def _is_meant(tier: Path, config: pytest.Config) -> bool:
    named = (Path(argument.partition("::")[0]).resolve() for argument in config.args)
    return any(path == tier or tier in path.parents for path in named)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Ignore a tier unless it is named, and the support package, which has no tests."""
    if collection_path == ROOT / "tests" / "support":
        return True
    return True if collection_path in TIERS and not _is_meant(collection_path, config) else None


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of a run of all tests."""
    parser.addoption(
        "--audit-permissions",
        action="store_true",
        help="fail where the end-to-end tests use less than the operator's role grants, or ask for more",
    )
    parser.addoption(
        "--record-durations",
        action="store_true",
        help="record how long each file takes in tests/durations.json; the longest files start first",
    )


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Name the tiers that run and those that do not."""
    return [
        f"tier: {what}" if _is_meant(tier, config) else f"not in this tier: make {what}"
        for tier, what in TIERS.items()
    ]


def pytest_sessionstart() -> None:
    """Set no event loop explicitly; otherwise looptime's question for it creates one that is never closed."""
    asyncio.set_event_loop(None)


@pytest.hookimpl(optionalhook=True, tryfirst=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Choose the number of processes for ``-n auto``."""
    return processes(waiting=config.option.markexpr != "not cluster")


def pytest_configure(config: pytest.Config) -> None:
    """Register the plug-ins: one process hands out the tests and has the control plane; all run tests."""
    config.pluginmanager.register(KeptCollection())
    list_fixtures_alone()
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(SideBySide())
        shared = SharedCluster()
        config.pluginmanager.register(shared)
        if config.getoption("--audit-permissions"):
            config.pluginmanager.register(SharedAudit(lambda: audit_of(shared)))
        if config.getoption("--record-durations"):
            config.pluginmanager.register(DurationRecorder())
    config.pluginmanager.register(WaitsForLoneTests(config))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what needs the control plane, so that `make unit` can leave it out, and set the order."""
    for item in items:
        fixtures: Collection[str] = getattr(item, "fixturenames", ())
        # pytest does not say which fixtures a fixture's parameter requests; such a parameter has the marker.
        item.stash[ON_CLUSTER] = "plane" in fixtures or item.get_closest_marker("cluster") is not None
        if item.stash[ON_CLUSTER] or "helm" in fixtures or item.get_closest_marker("own_cluster"):
            item.add_marker("cluster")
    files = {item.path for item in items if item.stash[ON_CLUSTER]}
    for item in items:
        item.stash[PLACE] = _place(item) if item.path in files else FileGroup.BESIDE
    put_in_order(config, items, longest_first())


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Set the namespaces that operators of this test leave to those of other processes."""
    others = namespaces_of_others(item.config) if item.stash[PLACE] is FileGroup.SHARED else []
    leave_alone([*others, "smtp-demo-*"] if others else [])


def _place(item: pytest.Item) -> FileGroup:
    if any(folder in item.path.parents for folder in FIRST):
        return FileGroup.FIRST
    return FileGroup.ALONE if item.get_closest_marker("alone") else FileGroup.SHARED
