# SPDX-License-Identifier: Apache-2.0
"""Every command of the documentation runs and prints the quoted output."""

from pathlib import Path

import pytest

from smtp_testkit.handbook import Block, Run, World, pages, runs_of
from smtp_testkit.handbook.world import FRESH
from smtp_tools.localcluster import LocalCluster

ROOT = Path(__file__).parent.parent.parent

RUNS = [
    run for page in pages() for run in runs_of(page) if run.world != FRESH
]  # those: tests/cluster/install


CLUSTER_WIDE = ("-f deploy/manifests/\n", "-policy-*.yaml", "--exclude-namespace", "--all-namespaces")
"""Parts of commands with effects outside of the page's namespace."""


def param(run: Run) -> object:
    words = "".join(f"{block.text}\n" for block in run.blocks)
    alone = any(it in words for it in CLUSTER_WIDE)
    return pytest.param(run, id=str(run), marks=[pytest.mark.alone] * alone)


@pytest.mark.usefixtures("linted")
@pytest.mark.parametrize("run", [param(it) for it in RUNS])
def test_a_page_run_from_top_to_bottom_prints_what_it_quotes(
    run: Run, cluster: LocalCluster, namespace: str, tmp_path: Path
) -> None:
    with World.entered(run.needs, folder=tmp_path / "reader", cluster=cluster, namespace=namespace) as world:
        differences = list(run.differences(world))
    assert not differences, "\n".join(
        [*differences, "To quote what is real: python -m smtp_testkit.handbook PAGE"]
    )


def test_a_command_that_is_not_run_here_names_the_test_that_does(blocks: list[Block]) -> None:
    for block in blocks:
        elsewhere = block.tags.get("elsewhere")
        if elsewhere is not None:
            assert (ROOT / elsewhere).is_file(), f"{block}: there is no {elsewhere}"
            if block.page.name in (ROOT / elsewhere).read_text(encoding="utf-8"):
                continue  # that test takes the commands from the page itself
            assert set(block.text.split("\n")) <= set(CHECKED_ELSEWHERE), f"{block} is not on the list"


CHECKED_ELSEWHERE = {
    "PYTHONPATH=hack:tests/support .venv/bin/python -m smtp_tools.release 0.1.0": ""
    "wrote what tests/cluster/upgrade reads",
    "make install": "the tests run in what it made",
    'eval "$(make cluster)"': "tests/tooling/controlplane",
    "make cluster-down": "tests/tooling/controlplane",
    "make image BUILDER=docker BASE=docker.io/library/python:3.13-slim PYTHON_VERSION=3.13"
    " IMAGE=registry.example.com/smtp-operator:0.1.0": "tests/tiers/image, with another builder and base",
    "kubectl apply -f deploy/manifests/monitoring/": "tests/unit/deploy/monitoring",
    "kubectl wait --for=condition=Delivered smtpconfig/delivered-mail --namespace team-a --timeout 5m": ""
    "tests/e2e/test_delivery_end_to_end.py, with another name",
    "kubectl krew install --manifest=smtp.yaml": "tests/tooling/release/test_krew.py, with the archive",
    "make unit": "is running these tests, or a part of make test",
}


def test_blocks_of_shell_are_marked_as_such(blocks: list[Block]) -> None:
    """Find commands in blocks of other languages, which would never run."""
    known = {"sh", "console", "yaml", "text", "mermaid", ""}
    for block in blocks:
        assert block.language in known, f"{block}: {block.language}"
        if not block.runs:
            suspicious = [
                line for line in block.text.splitlines() if line.startswith(("$ ", "kubectl ", "make "))
            ]
            assert not suspicious, f"{block}: {suspicious}"
