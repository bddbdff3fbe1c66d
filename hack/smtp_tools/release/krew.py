# SPDX-License-Identifier: Apache-2.0
"""The plug-in for krew: an archive per platform with all packages, and the manifest.

An archive needs a Python on the user's machine. Compiled packages are in a folder per version of Python.
"""

import io
import zipfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from smtp_tools.generate.text import to_yaml
from smtp_tools.paths import ROOT
from smtp_tools.release.commands import run_pip
from smtp_tools.release.errors import ReleaseError
from smtp_tools.release.layers import EXECUTABLE, READABLE, Archive, sha256

FOLDER: Final = ROOT / "deploy" / "krew"
LOCK: Final = FOLDER / "requirements.lock"
PYTHONS: Final = ("3.11", "3.12", "3.13", "3.14")
MANIFEST: Final = "smtp.yaml"
_MAIN: Final = Path(__file__).with_name("krew_main.py")
_PURE: Final = "-none-any.whl"
_AT_ONCE: Final = 2
"""Archives built at a time; each takes some hundred MB of memory."""
_LICENSE: Final = "# SPDX-License-Identifier: Apache-2.0\n"


@dataclass(frozen=True, slots=True)
class Platform:
    """A platform of krew, and the tags of its wheels."""

    os: str
    arch: str
    tags: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name in files, such as ``linux-amd64``."""
        return f"{self.os}-{self.arch}"


def _manylinux(machine: str) -> tuple[str, ...]:
    return tuple(f"manylinux_{version}_{machine}" for version in ("2_34", "2_28", "2_17"))


PLATFORMS: Final = (
    Platform("linux", "amd64", _manylinux("x86_64")),
    Platform("linux", "arm64", _manylinux("aarch64")),
    Platform("darwin", "amd64", tuple(f"macosx_{version}_x86_64" for version in ("11_0", "10_12", "10_9"))),
    Platform("darwin", "arm64", ("macosx_11_0_arm64",)),
)


def fetch(folder: Path) -> None:
    """Download the wheels for all platforms and versions of Python, unless they are there.

    Raises:
        ReleaseError: a wheel is not available.
    """
    stamp = folder / "requirements.lock"
    if stamp.exists() and stamp.read_bytes() == LOCK.read_bytes():
        return
    for platform in PLATFORMS:
        for python in PYTHONS:
            wheels = _wheels(folder, platform, python)
            wheels.mkdir(parents=True, exist_ok=True)
            for outdated in wheels.glob("*.whl"):
                outdated.unlink()
            run_pip("download", "--require-hashes", "--no-deps", "--only-binary=:all:", "--implementation=cp",
                    f"--python-version={python}", *(f"--platform={it}" for it in platform.tags),
                    "-r", LOCK, "-d", wheels)  # fmt: skip
    stamp.write_bytes(LOCK.read_bytes())


def fetched(folder: Path) -> dict[str, Path]:
    """Return the fetched wheels by name."""
    return {it.name: it for it in folder.rglob("*.whl")}


def archive(folder: Path, platform: Platform, wheel: Path, time: int) -> bytes:
    """Return the archive of a platform, with the fetched wheels and our own.

    Raises:
        ReleaseError: the wheels are not fetched.
    """
    result = Archive(time)
    result.file("kubectl-smtp", (FOLDER / "kubectl-smtp").read_bytes(), EXECUTABLE)
    result.file("main.py", _MAIN.read_bytes())
    result.file("LICENSE", (ROOT / "LICENSE").read_bytes())
    _unpack(result, wheel, "lib/any")
    for python in PYTHONS:
        wheels = sorted(_wheels(folder, platform, python).glob("*.whl"))
        if not wheels:
            raise ReleaseError(
                f"The wheels for {platform.name} and Python {python} are missing: run make release-inputs."
            )
        for it in wheels:
            pure = it.name.endswith(_PURE)
            _unpack(result, it, "lib/any" if pure else f"lib/cpython-{python.replace('.', '')}")
    return result.tar_gz()


def manifest(version: str, hashes: Mapping[str, str], homepage: str, base_url: str) -> str:
    """Return the krew manifest.

    Args:
        version: such as 0.1.0.
        hashes: the SHA-256 of each archive by the name of its platform.
        homepage: where users find the project.
        base_url: where the archives will be published.
    """
    document: dict[str, Any] = {
        "apiVersion": "krew.googlecontainertools.github.com/v1alpha2",
        "kind": "Plugin",
        "metadata": {"name": "smtp"},
        "spec": {
            "version": f"v{version}",
            "homepage": homepage,
            "shortDescription": "Test SMTP settings and explain failures",
            "description": (
                "Shows whether the SmtpConfigs of smtp-operator work, tests them with a real\n"
                "email, and explains each failure with its fix.\n"
            ),
            "caveats": f"This plug-in needs Python {PYTHONS[0]} to {PYTHONS[-1]} on the PATH.\n",
            "platforms": list(_platforms(version, hashes, base_url)),
        },
    }
    return f"{_LICENSE}{to_yaml(document)}"


def archive_name(version: str, platform: Platform) -> str:
    """Return the file name of an archive."""
    return f"kubectl-smtp-{version}-{platform.name}.tar.gz"


def build(
    dist: Path, folder: Path, wheel: Path, *, version: str, time: int, homepage: str, base_url: str
) -> None:
    """Write the archives and the manifest to ``dist``. Uses no network.

    Raises:
        ReleaseError: the wheels are not fetched.
    """

    def write(platform: Platform) -> str:
        content = archive(folder, platform, wheel, time)
        (dist / archive_name(version, platform)).write_bytes(content)
        return sha256(content)

    with ThreadPoolExecutor(_AT_ONCE) as threads:
        found = list(threads.map(write, PLATFORMS))
    hashes = {platform.name: it for platform, it in zip(PLATFORMS, found, strict=True)}
    (dist / MANIFEST).write_text(manifest(version, hashes, homepage, base_url), encoding="utf-8")


def _wheels(folder: Path, platform: Platform, python: str) -> Path:
    return folder / f"{platform.name}-{python}"


def _platforms(version: str, hashes: Mapping[str, str], base_url: str) -> Iterator[dict[str, Any]]:
    for platform in PLATFORMS:
        yield {
            "selector": {"matchLabels": {"os": platform.os, "arch": platform.arch}},
            "uri": f"{base_url.rstrip('/')}/{archive_name(version, platform)}",
            "sha256": hashes[platform.name],
            "bin": "kubectl-smtp",
        }


def _unpack(result: Archive, wheel: Path, prefix: str) -> None:
    """Add the modules and metadata of a wheel; scripts would name a Python of this machine."""
    with zipfile.ZipFile(io.BytesIO(wheel.read_bytes())) as members:
        for info in members.infolist():
            root = info.filename.partition("/")[0]
            if not info.is_dir() and not root.endswith(".data"):
                result.file(f"{prefix}/{info.filename}", members.read(info), READABLE)
