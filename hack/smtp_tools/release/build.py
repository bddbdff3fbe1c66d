# SPDX-License-Identifier: Apache-2.0
"""Build all artifacts of a release."""

import shutil
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Final

from smtp_tools.paths import ROOT
from smtp_tools.release import artifacts, krew
from smtp_tools.release.commands import run
from smtp_tools.release.errors import ReleaseError
from smtp_tools.release.images import Commit, build_layout
from smtp_tools.release.inputs import Inputs
from smtp_tools.release.packages import build_packages
from smtp_tools.release.provenance import CHECKSUMS, PROVENANCE, checksums, provenance

DIST: Final = ROOT / "dist"


def head() -> Commit:
    """Return the checked out commit.

    Raises:
        ReleaseError: this is not a git clone.
    """
    name, _, time = run("git", "-C", ROOT, "log", "-1", "--format=%H %ct").strip().partition(" ")
    return Commit(name, int(time))


def check_version(version: str) -> None:
    """Raise ReleaseError unless pyproject.toml has this version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    if version != project["version"]:
        raise ReleaseError(
            f"pyproject.toml has version {project['version']}, not {version}. "
            f"Set it to {version}, run `make install generate`, and commit the result."
        )


def build(
    version: str,
    *,
    inputs: Inputs,
    repository: str,
    homepage: str,
    base_url: str,
    commit: Commit,
    report: Callable[[str], None],
    dist: Path,
) -> None:
    """Write all artifacts to ``dist``, from fetched inputs. Uses no network.

    Args:
        version: such as 0.1.0.
        inputs: the fetched inputs.
        repository: where the image will be published, such as registry.example.com/smtp-operator.
        homepage: where users find the project.
        base_url: where the archives of the plug-in will be published.
        commit: the commit that is released.
        report: called with each step.
        dist: replaced as a whole.

    Raises:
        ReleaseError: an input is missing, or a tool failed.
    """
    shutil.rmtree(dist, ignore_errors=True)
    report("wheel and source distribution")
    wheel, _ = build_packages(dist, commit)
    report("images for amd64 and arm64")
    layout = build_layout(inputs, wheel, commit, version)
    artifacts.write(dist, f"smtp-operator-{version}.oci.tar", layout.archive.tar())
    for architecture, sbom in layout.sboms.items():
        artifacts.write(dist, f"smtp-operator-{version}-linux-{architecture}.cdx.json", sbom)
    report("manifests, chart and notes")
    notes = artifacts.release_notes(version, (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    artifacts.write(dist, "RELEASE_NOTES.md", notes)
    artifacts.write(dist, "crds.yaml", artifacts.crds())
    image = f"{repository}:{version}@{layout.index_digest}"
    artifacts.write(dist, "install.yaml", artifacts.install_manifest(image))
    packaged = artifacts.chart(repository, layout.index_digest, version, notes, commit)
    artifacts.write(dist, f"smtp-operator-{version}.tgz", packaged)
    artifacts.write(dist, "artifacthub-repo.yml", artifacts.artifact_hub_repository())
    report("archives of the plug-in for krew")
    krew.build(
        dist, inputs.krew, wheel, version=version, time=commit.time, homepage=homepage, base_url=base_url
    )
    report("provenance and checksums")
    artifacts.write(dist, PROVENANCE, artifacts.as_json(provenance(dist, inputs, version, commit)))
    artifacts.write(dist, CHECKSUMS, checksums(dist))
