# SPDX-License-Identifier: Apache-2.0
"""The container images as one OCI image layout (image-spec 1.1), with an image per architecture.

Each image has two layers: Debian packages, and wheels. The configuration is that of
``deploy/image/Dockerfile``.
"""

import json
import re
import shlex
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from cyclonedx.model import HashAlgorithm, HashType
from cyclonedx.model.component import Component, ComponentType
from packageurl import PackageURL

from smtp_tools.image.context import Target, requirements_of
from smtp_tools.image.sbom import sbom
from smtp_tools.paths import ROOT
from smtp_tools.release import debian
from smtp_tools.release.commands import run, run_pip
from smtp_tools.release.errors import ReleaseError
from smtp_tools.release.inputs import MACHINES, PYTHON, Inputs
from smtp_tools.release.layers import EXECUTABLE, Archive, compressed, sha256

Document = dict[str, Any]

DOCKERFILE: Final = ROOT / "deploy" / "image" / "Dockerfile"
_TYPE: Final = "application/vnd.oci.image"
_APPLICATION: Final = "opt/smtp-operator"
_NEVER_IMPORTED: Final = r"kubernetes/(aio/)?client/(models|api)/"


@dataclass(frozen=True, slots=True)
class Commit:
    """The commit that is released: its id, and its time in seconds since the epoch."""

    id: str
    time: int

    @property
    def timestamp(self) -> str:
        """The time as RFC 3339."""
        return datetime.fromtimestamp(self.time, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(slots=True)
class Layout:
    """An OCI image layout. ``index_digest`` is the digest that a registry shows for the tag."""

    archive: Archive
    index_digest: str
    sboms: Mapping[str, str]


def build_layout(inputs: Inputs, wheel: Path, commit: Commit, version: str) -> Layout:
    """Build the images of all architectures. Uses no network.

    Raises:
        ReleaseError: an input is missing, or a tool failed.
    """
    archive = Archive(commit.time)
    manifests, sboms = [], {}
    with tempfile.TemporaryDirectory() as scratch:
        bases = {it: debian.root_file_system(inputs.debs, it, commit.time) for it in debian.ARCHITECTURES}
        compiler = Compiler(bases[native_architecture()], Path(scratch, "python"))
        for architecture, base in bases.items():
            sboms[architecture] = _sbom(inputs, wheel, architecture, commit)
            application = _application(inputs, wheel, architecture, compiler, commit)
            application.file("usr/share/doc/smtp-operator/LICENSE", (ROOT / "LICENSE").read_bytes())
            application.file("usr/share/doc/smtp-operator/sbom.cdx.json", sboms[architecture])
            manifests.append(_image(archive, architecture, (base, application), commit, version))
    index = _blob(
        archive,
        f"{_TYPE}.index.v1+json",
        _json({"schemaVersion": 2, "mediaType": f"{_TYPE}.index.v1+json", "manifests": manifests}),
    )
    names = [(version, index), *((f"{version}-{it['platform']['architecture']}", it) for it in manifests)]
    listed = [{**it, "annotations": {"org.opencontainers.image.ref.name": name}} for name, it in names]
    archive.file("index.json", _json({"schemaVersion": 2, "manifests": listed}))
    archive.file("oci-layout", _json({"imageLayoutVersion": "1.0.0"}))
    return Layout(archive, index["digest"], sboms)


class Compiler:
    """The Python of the base image, run on this machine without a container."""

    def __init__(self, base: Archive, folder: Path) -> None:
        """Unpack the base into the folder."""
        self._folder = folder
        for path, entry in base.entries.items():
            if not re.match(r"(usr/)?(lib|lib64|bin)(/|$)", path):
                continue
            target = folder / path
            target.parent.mkdir(parents=True, exist_ok=True)
            if entry.target:
                target.symlink_to(entry.target)
            elif entry.content:
                target.write_bytes(entry.content)
                target.chmod(EXECUTABLE)

    def compile(self, folder: Path, installed_as: str) -> None:
        """Compile all modules in the folder that are imported; files are named as in the image.

        Raises:
            ReleaseError: the compiler failed.
        """
        loader = next(self._folder.glob("usr/lib*/ld-linux-*.so.*"), None) or next(
            self._folder.glob("usr/lib/*/ld-linux-*.so.*")
        )
        libraries = next(self._folder.glob("usr/lib/*-linux-gnu"))
        environment = {"PYTHONHOME": str(self._folder / "usr"), "PYTHONHASHSEED": "0", "PYTHONPATH": ""}
        run(loader, "--library-path", libraries, self._folder / "usr" / "bin" / f"python{PYTHON}", "-m",
            "compileall", "-q", "--invalidation-mode=unchecked-hash", "-x", _NEVER_IMPORTED,
            "-s", folder, "-p", installed_as, folder,
            environment=environment)  # fmt: skip


def native_architecture() -> str:
    """Return the architecture of this machine in Debian's name.

    Raises:
        ReleaseError: no image is built for this machine.
    """
    machine = Target().machine
    for architecture, name in MACHINES.items():
        if name == machine:
            return architecture
    raise ReleaseError(f"A release is built on x86_64 or aarch64, not on {machine}.")


def _application(
    inputs: Inputs, wheel: Path, architecture: str, compiler: Compiler, commit: Commit
) -> Archive:
    with tempfile.TemporaryDirectory() as scratch:
        folder, requirements = Path(scratch, "application"), Path(scratch, "requirements.txt")
        ours = f"smtp-operator @ {wheel.as_uri()} --hash=sha256:{sha256(wheel.read_bytes())}\n"
        requirements.write_text(requirements_of(inputs.wheels(architecture)) + ours, encoding="utf-8")
        target = Target(PYTHON, MACHINES[architecture])
        run_pip("install", "--no-cache-dir", "--no-compile", "--no-index", "--require-hashes", "--no-deps",
                "--only-binary=:all:", "--implementation=cp", *target.flags(),
                f"--find-links={inputs.wheels(architecture)}", f"--target={folder}",
                "-r", requirements)  # fmt: skip
        # The path of the wheel on this machine, and programs that name this machine's Python.
        for leftover in (*folder.glob("smtp_operator-*.dist-info/direct_url.json"), *folder.glob("bin/*")):
            leftover.unlink()
        _drop_from_records(folder)
        compiler.compile(folder, f"/{_APPLICATION}")
        archive = Archive(commit.time)
        archive.tree(folder, _APPLICATION)
        return archive


def _drop_from_records(folder: Path) -> None:
    """Remove the deleted files from each RECORD."""
    for record in folder.glob("*.dist-info/RECORD"):
        lines = record.read_text(encoding="utf-8").splitlines(keepends=True)
        kept = [line for line in lines if not re.search(r"(^\.\./\.\./bin/|direct_url\.json)", line)]
        record.write_text("".join(sorted(kept)), encoding="utf-8")


def _sbom(inputs: Inputs, wheel: Path, architecture: str, commit: Commit) -> str:
    packages = [_component(it) for it in debian.locked() if it.target == architecture]
    return sbom(wheel, inputs.wheels(architecture).glob("*.whl"), base=packages, time=commit.time)


def _component(package: debian.Package) -> Component:
    purl = PackageURL.from_string(package.purl)
    return Component(
        type=ComponentType.LIBRARY,
        name=package.name,
        version=package.version,
        bom_ref=purl.to_string(),
        purl=purl,
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=package.sha256)],
    )


def _image(
    archive: Archive, architecture: str, layers: tuple[Archive, ...], commit: Commit, version: str
) -> Document:
    tars = [layer.tar() for layer in layers]
    with ThreadPoolExecutor() as threads:
        layers_gz = list(threads.map(compressed, tars))
    blobs = [_blob(archive, f"{_TYPE}.layer.v1.tar+gzip", it) for it in layers_gz]
    settings = image_configuration(version, commit)
    configuration = {
        "created": commit.timestamp,
        "architecture": architecture,
        "os": "linux",
        "config": settings,
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{sha256(tar)}" for tar in tars]},
        "history": [
            {"created": commit.timestamp, "created_by": "mmdebstrap deploy/image/debian.lock"},
            {"created": commit.timestamp, "created_by": "pip install deploy/image/requirements.lock"},
        ],
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{_TYPE}.manifest.v1+json",
        "config": _blob(archive, f"{_TYPE}.config.v1+json", _json(configuration)),
        "layers": blobs,
        "annotations": settings["Labels"],
    }
    blob = _blob(archive, f"{_TYPE}.manifest.v1+json", _json(manifest))
    return {**blob, "platform": {"architecture": architecture, "os": "linux"}}


def image_configuration(version: str, commit: Commit) -> Document:
    """Return the configuration in the Dockerfile's last stage, as an OCI image configuration has it."""
    values = {"VERSION": version, "REVISION": commit.id, "CREATED": commit.timestamp}
    instructions = dict(_instructions())
    labels = shlex.split(instructions["LABEL"])
    return {
        "User": instructions["USER"],
        "Env": ["PATH=/usr/local/bin:/usr/bin:/bin", *shlex.split(instructions["ENV"])],
        "Entrypoint": json.loads(instructions["ENTRYPOINT"]),
        "Cmd": json.loads(instructions["CMD"]),
        "WorkingDir": instructions["WORKDIR"],
        "Labels": {
            name: re.sub(r"\$\{(\w+)\}", lambda it: values[it[1]], value)
            for name, _, value in (label.partition("=") for label in labels)
        },
    }


@cache
def _dockerfile() -> str:
    text = DOCKERFILE.read_text(encoding="utf-8")
    return text.rpartition("\nFROM ")[2].replace("\\\n", " ")


def _instructions() -> Iterator[tuple[str, str]]:
    for line in _dockerfile().splitlines():
        name, _, value = line.partition(" ")
        yield name, value.strip()


def _blob(archive: Archive, media_type: str, content: bytes) -> Document:
    digest = sha256(content)
    archive.file(f"blobs/sha256/{digest}", content)
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(content)}


def _json(document: Document) -> bytes:
    return json.dumps(document, indent=2, sort_keys=True).encode()
