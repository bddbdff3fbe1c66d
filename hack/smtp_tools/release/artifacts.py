# SPDX-License-Identifier: Apache-2.0
"""The artifacts that are files of the clone: manifests, chart, release notes, Artifact Hub."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import yaml

from smtp_tools.generate.text import to_yaml
from smtp_tools.paths import ROOT
from smtp_tools.release.errors import ReleaseError
from smtp_tools.release.images import Commit
from smtp_tools.release.layers import Archive

_CHART: Final = ROOT / "deploy" / "charts" / "smtp-operator"
_LICENSE: Final = "# SPDX-License-Identifier: Apache-2.0\n"
_HEADING: Final = re.compile(r"^## \[?([^\]\s]+)\]?.*\n", re.MULTILINE)
_KINDS: Final = {"Added": "added", "Changed": "changed", "Deprecated": "deprecated", "Removed": "removed",
                 "Fixed": "fixed", "Security": "security"}  # fmt: skip
"""Headings of Keep a Changelog, and the kinds of change on Artifact Hub."""


def release_notes(version: str, changelog: str) -> str:
    """Return the section of a version in the changelog; of the Unreleased changes if it has none yet.

    Raises:
        ReleaseError: there is neither.
    """
    headings = list(_HEADING.finditer(changelog))
    ends = [it.start() for it in headings[1:]] + [len(changelog)]
    sections = {it[1]: changelog[it.end() : end].strip() for it, end in zip(headings, ends, strict=True)}
    notes = sections.get(version) or sections.get("Unreleased")
    if not notes:
        raise ReleaseError(f"CHANGELOG.md has no changes for {version}. Add the heading `## [{version}]`.")
    return f"# smtp-operator {version}\n\n{notes}\n"


def crds() -> str:
    """Return the CustomResourceDefinitions as one file."""
    files = sorted((ROOT / "deploy" / "crds").glob("*.yaml"))
    return "---\n".join(it.read_text(encoding="utf-8") for it in files)


def install_manifest(image: str) -> str:
    """Return everything that ``kubectl apply --server-side -f`` needs for a cluster-wide installation."""
    files = sorted((ROOT / "deploy" / "manifests").glob("*.yaml"))
    texts = [crds(), *(it.read_text(encoding="utf-8") for it in files)]
    text = "---\n".join(it.removeprefix(_LICENSE) for it in texts)
    text, count = re.subn(r"^( +image: )smtp-operator:.*$", rf"\g<1>{image}", text, flags=re.MULTILINE)
    if count != 1:
        raise ReleaseError(f"deploy/manifests names the operator's image {count} times instead of once.")
    return _LICENSE + text


def chart(repository: str, digest: str, version: str, notes: str, commit: Commit) -> bytes:
    """Return the packaged chart, whose default image is the released one."""
    archive = Archive(commit.time)
    for file in sorted(it for it in _CHART.rglob("*") if it.is_file()):
        archive.file(f"smtp-operator/{file.relative_to(_CHART).as_posix()}", file.read_bytes())
    description = yaml.safe_load((_CHART / "Chart.yaml").read_text(encoding="utf-8"))
    if description["version"] != version:
        raise ReleaseError(f"Chart.yaml has version {description['version']}; run `make generate`.")
    description["annotations"] |= _artifact_hub(f"{repository}:{version}@{digest}", notes)
    archive.file("smtp-operator/Chart.yaml", _LICENSE + to_yaml(description))
    values = (_CHART / "values.yaml").read_text(encoding="utf-8")
    values = values.replace('repository: "smtp-operator"', f'repository: "{repository}"', 1)
    archive.file("smtp-operator/values.yaml", values.replace('digest: ""', f'digest: "{digest}"', 1))
    archive.file("smtp-operator/LICENSE", (ROOT / "LICENSE").read_bytes())
    archive.file("smtp-operator/README.md", (ROOT / "README.md").read_bytes())
    return archive.tar_gz()


def artifact_hub_repository() -> str:
    """Return ``artifacthub-repo.yml``; the maintainer adds the repository's id after registering it."""
    return f"{_LICENSE}# https://artifacthub.io/docs/topics/repositories/\nowners: []\n"


def _artifact_hub(image: str, notes: str) -> dict[str, str]:
    definitions: list[dict[str, Any]] = list(yaml.safe_load_all(crds()))
    described = [
        {
            "kind": it["spec"]["names"]["kind"],
            "version": it["spec"]["versions"][0]["name"],
            "name": it["metadata"]["name"],
            "displayName": it["spec"]["names"]["kind"],
            "description": _summary(it),
        }
        for it in definitions
    ]
    images = [{"name": "smtp-operator", "image": image, "platforms": ["linux/amd64", "linux/arm64"]}]
    return {
        "artifacthub.io/changes": to_yaml(list(_changes(notes))),
        "artifacthub.io/crds": to_yaml(described),
        "artifacthub.io/images": to_yaml(images),
    }


def _summary(definition: dict[str, Any]) -> str:
    schema = definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return str(schema["description"]).partition(". ")[0].rstrip(".") + "."


def _changes(notes: str) -> Iterator[dict[str, str]]:
    kind = "changed"
    for block in re.split(r"\n(?=\* |### |\n)", notes):
        heading = re.match(r"### (\w+)", block)
        if heading:
            kind = _KINDS.get(heading[1], "changed")
        elif block.startswith("* "):
            yield {"kind": kind, "description": " ".join(block.removeprefix("* ").split())}


def write(folder: Path, name: str, content: str | bytes) -> None:
    """Write an artifact."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)


def as_json(document: object) -> str:
    """Return a document as JSON."""
    return json.dumps(document, indent=2, sort_keys=True) + "\n"
