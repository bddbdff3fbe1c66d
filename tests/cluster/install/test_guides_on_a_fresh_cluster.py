# SPDX-License-Identifier: Apache-2.0
"""The pages about installing, upgrading and uninstalling work on a new cluster."""

from pathlib import Path

import pytest

from smtp_testkit.handbook import Run, World, pages, runs_of
from smtp_testkit.handbook.world import FRESH
from smtp_tools.localcluster import LocalCluster

RUNS = [run for page in pages() for run in runs_of(page) if run.world == FRESH]


@pytest.mark.parametrize("run", RUNS, ids=str)
def test_a_page_run_from_top_to_bottom_does_what_it_says(
    run: Run, cluster: LocalCluster, namespace: str, tmp_path: Path
) -> None:
    with World.entered(run.needs, folder=tmp_path / "reader", cluster=cluster, namespace=namespace) as world:
        differences = list(run.differences(world))
    assert not differences, "\n".join(
        [*differences, "To quote what is real: python -m smtp_testkit.handbook PAGE"]
    )


def test_there_are_pages_for_all_of_it() -> None:
    forms = {"install.md", "install-with-manifests.md", "install-with-kustomize.md"}
    assert {run.page.name for run in RUNS} >= {*forms, "upgrade.md", "uninstall.md"}
