# SPDX-License-Identifier: Apache-2.0
"""The programs of the control plane come from KUBEBUILDER_ASSETS, else the cache, else a build."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from smtp_tools.gobuild import Program, program_folder
from smtp_tools.localcluster import Assets, ClusterError, find_assets
from smtp_tools.localcluster.assets import CONTROL_PLANE, PARTS, kubernetes_version

if TYPE_CHECKING:
    from tests.tooling.controlplane.conftest import FakeGo


@pytest.fixture
def program(program: Program) -> Program:
    """A small program instead of the control plane."""
    return Program(program.source, announcement="Building all five.", links=PARTS)


@pytest.fixture
def given(tmp_path: Path) -> Path:
    """A folder for KUBEBUILDER_ASSETS."""
    folder = tmp_path / "kubebuilder assets"
    folder.mkdir()
    return folder


def put(folder: Path, *parts: str) -> None:
    for part in parts:
        (folder / part).touch(mode=0o755)


def all_in(folder: Path) -> Assets:
    return Assets(*(folder / part for part in PARTS))


def test_a_complete_folder_is_enough(
    program: Program, environment: dict[str, str], given: Path, go: FakeGo
) -> None:
    put(given, *PARTS)
    go.remove()

    assert find_assets(environment | {"KUBEBUILDER_ASSETS": str(given)}, program) == all_in(given)


def test_the_folder_comes_before_the_cache(
    program: Program, environment: dict[str, str], given: Path
) -> None:
    program_folder(program, environment)
    put(given, *PARTS)

    assert find_assets(environment | {"KUBEBUILDER_ASSETS": str(given)}, program) == all_in(given)


def test_the_cache_comes_before_a_build(program: Program, environment: dict[str, str], go: FakeGo) -> None:
    cached = program_folder(program, environment)

    assert find_assets(environment, program) == all_in(cached)
    assert len(go.calls("build")) == 1


def test_with_neither_they_are_built(
    program: Program, environment: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    found = find_assets(environment, program)

    assert {path.read_text() for path in (found.etcd, found.kubectl)} == {"the program\n"}
    assert capsys.readouterr().err.startswith("Building all five.\n")


def test_parts_missing_in_the_folder_come_from_the_cache(
    program: Program, environment: dict[str, str], given: Path
) -> None:
    cached = program_folder(program, environment)
    put(given, "etcd", "kube-apiserver", "kubectl")  # what the field's folders hold

    assert find_assets(environment | {"KUBEBUILDER_ASSETS": str(given)}, program) == Assets(
        etcd=given / "etcd",
        kube_apiserver=given / "kube-apiserver",
        kube_controller_manager=cached / "kube-controller-manager",
        kubectl=given / "kubectl",
        helm=cached / "helm",
    )


def test_a_file_that_cannot_be_run_counts_as_missing(
    program: Program, environment: dict[str, str], given: Path
) -> None:
    cached = program_folder(program, environment)
    put(given, *PARTS)
    (given / "etcd").chmod(0o644)

    assert find_assets(environment | {"KUBEBUILDER_ASSETS": str(given)}, program).etcd == cached / "etcd"


def test_an_empty_variable_is_no_variable(program: Program, environment: dict[str, str]) -> None:
    cached = program_folder(program, environment)

    assert find_assets(environment | {"KUBEBUILDER_ASSETS": ""}, program) == all_in(cached)


def test_a_folder_that_is_not_there_is_an_error_not_a_build(
    program: Program, environment: dict[str, str], go: FakeGo
) -> None:
    with pytest.raises(ClusterError) as failure:
        find_assets(environment | {"KUBEBUILDER_ASSETS": "/no/such/folder"}, program)

    assert str(failure.value) == (
        "KUBEBUILDER_ASSETS=/no/such/folder is not a folder. Set it to one that holds etcd, kube-apiserver, "
        "kube-controller-manager, kubectl, helm, or unset it."
    )
    assert go.calls("build") == []


def test_before_the_build_it_says_what_how_long_how_much_disk_and_how_to_avoid_it() -> None:
    assert CONTROL_PLANE.announcement == (
        "Building etcd, kube-apiserver, kube-controller-manager, kubectl "
        f"(Kubernetes {kubernetes_version()}) and helm from their Go modules.\n"
        "This happens once and takes about 9 minutes on 2 cores; it needs 156 MB of disk, and about 5 GB "
        "for Go's caches.\n"
        "To avoid it, set KUBEBUILDER_ASSETS to a folder that holds these five programs."
    )


def test_all_of_them_know_their_version() -> None:
    assert kubernetes_version().startswith("1.37.")
    assert CONTROL_PLANE.variables == {
        "k8s.io/component-base/version.gitVersion": f"v{kubernetes_version()}",
        "k8s.io/component-base/version.gitMajor": "1",
        "k8s.io/component-base/version.gitMinor": "37",
        "k8s.io/client-go/pkg/version.gitVersion": f"v{kubernetes_version()}",
        "k8s.io/client-go/pkg/version.gitMajor": "1",
        "k8s.io/client-go/pkg/version.gitMinor": "37",
    }
