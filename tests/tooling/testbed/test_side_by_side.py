# SPDX-License-Identifier: Apache-2.0
"""With several processes, tests that need the control plane alone finish before others share it."""

from pathlib import Path

import pytest

from smtp_testkit import pytest_plugin
from smtp_testkit.testbed.own_pytest import run_pytest

CONFTEST = """
import pathlib
import pytest
from smtp_testkit.testbed.side_by_side import PLACE, WaitsForLoneTests, FileGroup, SideBySide
from smtp_testkit.testbed.side_by_side import namespaces_of_others, own_prefix, put_in_order

def pytest_configure(config):
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(SideBySide())
    config.pluginmanager.register(WaitsForLoneTests(config))

def pytest_collection_modifyitems(config, items):
    for item in items:
        item.stash[PLACE] = FileGroup[item.path.stem.split("_")[1].upper()]
    put_in_order(config, items, ["test_shared_b.py"])

@pytest.fixture
def note(request, pytestconfig):
    def written():
        with pathlib.Path(pytestconfig.rootpath, "log").open("a") as log:
            others = ",".join(namespaces_of_others(pytestconfig))
            log.write(f"{request.node.name} {own_prefix(pytestconfig)} {others}\\n")
    return written
"""
SUITE = {
    "test_shared_a.py": "shared",
    "test_shared_b.py": "shared",
    "test_alone_a.py": "alone",
    "test_first_a.py": "first",
    "test_beside_a.py": "beside",
    "test_beside_b.py": "beside",
}


Ran = list[tuple[str, str, str]]
"""Name of each test, the prefix of its namespaces, and those of others, in the order of execution."""


def run(folder: Path, *words: str) -> Ran:
    (folder / "conftest.py").write_text(CONFTEST)
    for name, what in SUITE.items():
        tests = (f"def test_{what}_{number}(note):\n    note()\n" for number in range(4))
        (folder / name).write_text("\n".join(tests))
    (folder / "test_alone_b.py").write_text("def test_that_fails():\n    assert False\n")
    done = run_pytest(folder, *words)
    assert "1 failed, 24 passed" in done.stdout, done.stdout + done.stderr
    lines = (line.split(" ") for line in (folder / "log").read_text().splitlines())
    return [(name, prefix, others) for name, prefix, others in lines]


@pytest.fixture(scope="module")
def in_two(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return run(tmp_path_factory.mktemp("two"), "-n", "2")


@pytest.fixture(scope="module")
def in_one(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    return run(tmp_path_factory.mktemp("one"))


@pytest.mark.parametrize("fixture", ["in_one", "in_two"])
def test_first_comes_what_needs_it_empty_then_what_is_alone_and_then_what_is_shared(
    request: pytest.FixtureRequest, fixture: str
) -> None:
    """Check the order with and without a failure."""
    ran = [name.split("_")[1] for name, *_ in request.getfixturevalue(fixture)]

    assert [it for it in ran if it != "beside"] == ["first"] * 4 + ["alone"] * 4 + ["shared"] * 8
    assert ran.count("beside") == 8


def test_each_process_has_separate_namespaces_and_knows_those_of_others(in_two: Ran) -> None:
    assert {(own, others) for _, own, others in in_two} == {("gw0-", "gw1-*"), ("gw1-", "gw0-*")}


def test_one_process_has_all_namespaces(in_one: Ran) -> None:
    assert {(own, others) for _, own, others in in_one} == {("test-", "")}


def test_auto_is_our_number_of_processes(
    pytestconfig: pytest.Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pytest_plugin, "processes", lambda *, waiting: 17)

    assert pytestconfig.hook.pytest_xdist_auto_num_workers(config=pytestconfig) == 17
