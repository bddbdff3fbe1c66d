# SPDX-License-Identifier: Apache-2.0
"""The artifacts of a release that need no network."""

import gzip
import io
import re
import tarfile
from importlib import metadata
from pathlib import Path

import pytest
import yaml

from smtp_tools.release import artifacts
from smtp_tools.release.build import check_version
from smtp_tools.release.debian import ARCHITECTURES, locked
from smtp_tools.release.errors import ReleaseError
from smtp_tools.release.images import Commit, image_configuration
from smtp_tools.release.packages import build_packages
from smtp_tools.release.provenance import checksums

VERSION = metadata.version("smtp-operator")
COMMIT = Commit("5" * 40, 1_700_000_000)
REPOSITORY = "registry.example.com/smtp-operator"
DIGEST = f"sha256:{'7' * 64}"

CHANGELOG = """\
# Changelog

## [Unreleased]

### Added

* A feature.

## [0.2.0] - 2026-12-01

### Fixed

* A bug
  on two lines.

## [0.1.0] - 2026-11-30

### Security

* A hole.
"""


@pytest.mark.parametrize(
    ("version", "notes"),
    [
        ("0.2.0", "### Fixed\n\n* A bug\n  on two lines."),
        ("0.1.0", "### Security\n\n* A hole."),
        ("0.3.0", "### Added\n\n* A feature."),
    ],
)
def test_the_notes_are_the_section_of_the_version_or_the_unreleased_changes(version: str, notes: str) -> None:
    assert artifacts.release_notes(version, CHANGELOG) == f"# smtp-operator {version}\n\n{notes}\n"


def test_a_version_without_changes_is_an_error() -> None:
    with pytest.raises(ReleaseError) as caught:
        artifacts.release_notes("0.4.0", "# Changelog\n\n## [Unreleased]\n\n## [0.3.0]\n\n* A.\n")

    assert str(caught.value) == "CHANGELOG.md has no changes for 0.4.0. Add the heading `## [0.4.0]`."


def test_another_version_than_that_of_pyproject_is_an_error() -> None:
    check_version(VERSION)

    with pytest.raises(ReleaseError) as caught:
        check_version("9.9.9")

    assert str(caught.value) == (
        f"pyproject.toml has version {VERSION}, not 9.9.9. "
        "Set it to 9.9.9, run `make install generate`, and commit the result."
    )


def test_the_install_manifest_has_the_crds_and_the_operator_with_the_image_by_digest() -> None:
    text = artifacts.install_manifest(f"{REPOSITORY}:{VERSION}@{DIGEST}")
    documents = [it for it in yaml.safe_load_all(text) if it]

    kinds = [it["kind"] for it in documents]
    (deployment,) = (it for it in documents if it["kind"] == "Deployment")
    assert kinds.index("CustomResourceDefinition") < kinds.index("Namespace") < kinds.index("Deployment")
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert container["image"] == f"{REPOSITORY}:{VERSION}@{DIGEST}"


def test_the_chart_names_the_image_by_digest_and_what_artifact_hub_shows() -> None:
    notes = artifacts.release_notes("0.2.0", CHANGELOG)
    packaged = artifacts.chart(REPOSITORY, DIGEST, VERSION, notes, COMMIT)

    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(packaged))) as archive:
        read = {it.name: archive.extractfile(it) for it in archive if it.isfile()}
        chart, values = (
            yaml.safe_load(file.read())
            for file in (read["smtp-operator/Chart.yaml"], read["smtp-operator/values.yaml"])
            if file is not None
        )
    assert (values["image"]["repository"], values["image"]["digest"]) == (REPOSITORY, DIGEST)
    annotations = {
        name: yaml.safe_load(text)
        for name, text in chart["annotations"].items()
        if name in ("artifacthub.io/changes", "artifacthub.io/crds", "artifacthub.io/images")
    }
    assert annotations["artifacthub.io/changes"] == [{"kind": "fixed", "description": "A bug on two lines."}]
    assert {"SmtpConfig", "SmtpVault", "ClusterSmtpVault"} <= {
        it["kind"] for it in annotations["artifacthub.io/crds"]
    }
    assert annotations["artifacthub.io/images"] == [
        {
            "name": "smtp-operator",
            "image": f"{REPOSITORY}:{VERSION}@{DIGEST}",
            "platforms": ["linux/amd64", "linux/arm64"],
        }
    ]


def test_wheel_and_source_distribution_have_the_same_bytes_in_each_build(tmp_path: Path) -> None:
    first = build_packages(tmp_path / "1", COMMIT)
    second = build_packages(tmp_path / "2", COMMIT)

    assert [it.name for it in first] == [
        f"smtp_operator-{VERSION}-py3-none-any.whl",
        f"smtp_operator-{VERSION}.tar.gz",
    ]
    assert [it.read_bytes() for it in first] == [it.read_bytes() for it in second]


def test_the_configuration_of_the_image_is_that_of_the_dockerfile() -> None:
    configuration = image_configuration("0.2.0", COMMIT)

    assert {name: configuration[name] for name in ("User", "Entrypoint", "Cmd", "WorkingDir")} == {
        "User": "65532:65532",
        "Entrypoint": ["python3", "-m", "smtp_operator"],
        "Cmd": ["run"],
        "WorkingDir": "/",
    }
    assert "PYTHONPATH=/opt/smtp-operator" in configuration["Env"]
    assert configuration["Labels"]["org.opencontainers.image.version"] == "0.2.0"
    assert configuration["Labels"]["org.opencontainers.image.revision"] == COMMIT.id
    assert configuration["Labels"]["org.opencontainers.image.created"] == "2023-11-14T22:13:20Z"


def test_both_architectures_have_the_same_locked_packages() -> None:
    names = [{it.name for it in locked() if it.target == architecture} for architecture in ARCHITECTURES]

    assert names[0] == names[1]
    assert {"python3.13-minimal", "libc6", "ca-certificates", "base-files"} <= names[0]
    assert all(re.fullmatch(r"[0-9a-f]{64}", it.sha256) for it in locked())


def test_checksums_are_written_as_sha256sum_reads_them(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("x")
    (tmp_path / "SHA256SUMS").write_text("old")

    digest = "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"
    assert checksums(tmp_path) == f"{digest}  a\n"
