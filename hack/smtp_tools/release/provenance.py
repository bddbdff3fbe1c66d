# SPDX-License-Identifier: Apache-2.0
"""The provenance statement (in-toto statement 1, SLSA provenance 1) and the checksums."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from smtp_tools.image.context import LOCK
from smtp_tools.paths import ROOT
from smtp_tools.release import debian, krew
from smtp_tools.release.images import Commit
from smtp_tools.release.inputs import Inputs

CHECKSUMS: Final = "SHA256SUMS"
PROVENANCE: Final = "provenance.intoto.json"
_SOURCE: Final = "https://smtp-operator.io/smtp-operator"


def provenance(folder: Path, inputs: Inputs, version: str, commit: Commit) -> dict[str, Any]:
    """Return the statement for all artifacts in the folder.

    It names neither the machine nor the time of the build, so a second build gives the same
    statement. The release workflow signs it, and the signature names the builder.
    """
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": it.name, "digest": {"sha256": _sha256(it)}} for it in _artifacts(folder)],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": f"{_SOURCE}/make-release/v1",
                "externalParameters": {"version": version},
                "internalParameters": {},
                "resolvedDependencies": [
                    {"uri": f"git+{_SOURCE}", "digest": {"gitCommit": commit.id}},
                    *_dependencies(inputs),
                ],
            },
            "runDetails": {
                "builder": {"id": f"{_SOURCE}/make-release"},
                "metadata": {"invocationId": commit.id, "startedOn": commit.timestamp},
            },
        },
    }


def checksums(folder: Path) -> str:
    """Return the hashes of all files in the folder, as ``sha256sum --check`` reads them."""
    return "".join(f"{_sha256(it)}  {it.name}\n" for it in sorted(folder.iterdir()) if it.name != CHECKSUMS)


def _dependencies(inputs: Inputs) -> Iterator[dict[str, Any]]:
    for lock in (LOCK, debian.LOCK, krew.LOCK):
        yield {"uri": f"file:{lock.relative_to(ROOT).as_posix()}", "digest": {"sha256": _sha256(lock)}}
    packages = {it.purl: it.sha256 for it in debian.locked()}
    for purl, digest in sorted(packages.items()):
        yield {"uri": purl, "digest": {"sha256": digest}}
    wheels = {it.name: it for name in debian.ARCHITECTURES for it in inputs.wheels(name).glob("*.whl")}
    for name, file in sorted((wheels | krew.fetched(inputs.krew)).items()):
        distribution, release = name.split("-")[:2]
        purl = f"pkg:pypi/{distribution.lower().replace('_', '-')}@{release}?file_name={name}"
        yield {"uri": purl, "digest": {"sha256": _sha256(file)}}


def _artifacts(folder: Path) -> Iterator[Path]:
    return (it for it in sorted(folder.iterdir()) if it.name not in (CHECKSUMS, PROVENANCE))


def _sha256(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
