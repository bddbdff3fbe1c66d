# SPDX-License-Identifier: Apache-2.0
"""The archive for krew runs with a Python of the machine and nothing else; its manifest is complete."""

import hashlib
import io
import re
import subprocess
import sys
import tarfile
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
import yaml

from smtp_tools.release import krew
from smtp_tools.release.errors import ReleaseError
from smtp_tools.release.images import Commit
from smtp_tools.release.packages import build_packages

VERSION = metadata.version("smtp-operator")
COMMIT = Commit("5" * 40, 1_700_000_000)
LINUX = krew.PLATFORMS[0]


def installed_wheels(folder: Path) -> None:
    """Write a wheel of each installed package in the lock, and an empty one for other versions of Python."""
    ours = f"{sys.version_info.major}.{sys.version_info.minor}"
    for python in krew.PYTHONS:
        wheels = folder / f"{LINUX.name}-{python}"
        wheels.mkdir(parents=True)
        zipfile.ZipFile(wheels / "empty-1-cp3-cp3-linux.whl", "w").close()
        for name in re.findall(r"^([\w-]+)==", krew.LOCK.read_text(), re.MULTILINE) if python == ours else ():
            files = metadata.files(name) or []
            compiled = any(it.suffix == ".so" for it in files)
            tag = "cp3-cp3-linux" if compiled else "py3-none-any"
            with zipfile.ZipFile(wheels / f"{name}-1-{tag}.whl", "w") as wheel:
                for it in files:
                    if it.suffix in {".py", ".so"} or it.name == "METADATA":
                        wheel.write(str(it.locate()), it.as_posix())


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The archive for this platform and this version of Python."""
    folder = tmp_path_factory.mktemp("krew")
    installed_wheels(folder / "inputs")
    wheel, _ = build_packages(folder / "dist", COMMIT)
    return krew.archive(folder / "inputs", LINUX, wheel, COMMIT.time)


@pytest.fixture(scope="module")
def plugin(archive: bytes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The plug-in, linked into a folder as krew does it."""
    folder = tmp_path_factory.mktemp("plugin")
    with tarfile.open(fileobj=io.BytesIO(archive)) as members:
        members.extractall(folder / "store" / "smtp", filter="data")
    (folder / "bin").mkdir()
    link = folder / "bin" / "kubectl-smtp"
    link.symlink_to("../store/smtp/kubectl-smtp")
    return link


def run(plugin: Path, *words: str, path: Path) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": f"{path}:/usr/bin:/bin", "PYTHONPATH": "/nowhere", "HOME": "/nowhere"}
    return subprocess.run(
        [plugin, *words], env=environment, check=False, capture_output=True, text=True, cwd="/"
    )


@pytest.fixture
def python_only(tmp_path: Path) -> Path:
    """A folder with this Python, without the packages of its virtual environment."""
    (tmp_path / "python3").symlink_to(Path(sys.base_prefix) / "bin" / Path(sys.executable).resolve().name)
    return tmp_path


def test_it_shows_its_help_and_version(plugin: Path, python_only: Path) -> None:
    version = run(plugin, "version", "--client", path=python_only)
    assert (version.returncode, version.stderr) == (0, "")
    assert VERSION in version.stdout

    assert "usage: kubectl smtp" in run(plugin, "--help", path=python_only).stdout


def test_it_has_the_packages_of_a_command_that_asks_the_cluster(plugin: Path, python_only: Path) -> None:
    done = run(plugin, "status", "--kubeconfig=/nowhere/config", path=python_only)
    assert "/nowhere/config" in done.stderr
    assert "unexpected error" not in done.stderr


def test_it_says_which_python_it_needs(plugin: Path, tmp_path: Path) -> None:
    for name in ("python3", *(f"python{python}" for python in krew.PYTHONS)):
        (tmp_path / name).write_text("#!/bin/sh\necho cpython-310\n")
        (tmp_path / name).chmod(0o755)
    done = run(plugin, "--help", path=tmp_path)
    assert (done.returncode, done.stderr) == (
        2,
        "kubectl smtp: no Python 3.11, 3.12, 3.13 or 3.14 (CPython) found on the PATH. "
        "Install one of them.\n",
    )


def test_an_older_python3_is_passed_over(plugin: Path, python_only: Path, tmp_path: Path) -> None:
    newer = f"python{sys.version_info.major}.{sys.version_info.minor}"
    (python_only / "python3").rename(python_only / newer)
    (python_only / "python3").write_text("#!/bin/sh\necho cpython-310\n")
    (python_only / "python3").chmod(0o755)
    assert run(plugin, "version", "--client", path=python_only).returncode == 0


def test_the_archive_has_the_license_and_fixed_owners_and_times(archive: bytes) -> None:
    with tarfile.open(fileobj=io.BytesIO(archive)) as members:
        found = members.getmembers()
    page = "lib/any/smtp_operator/cli/kubectl/ui/static/index.html"
    assert {"LICENSE", "kubectl-smtp", "lib/any/smtp_operator", page} <= {it.name for it in found}
    assert {(it.uid, it.gid, it.mtime) for it in found} == {(0, 0, COMMIT.time)}


def test_the_launcher_knows_every_version_of_python() -> None:
    text = (krew.FOLDER / "kubectl-smtp").read_text()
    (names,) = re.findall(r"for python in python3 (.*);", text)
    assert {f"python{it}" for it in krew.PYTHONS} == set(names.split())


def test_the_manifest_has_each_platform_with_the_hash_of_its_archive() -> None:
    hashes = {it.name: hashlib.sha256(it.name.encode()).hexdigest() for it in krew.PLATFORMS}
    text = krew.manifest(VERSION, hashes, "https://git.example.com/smtp", "https://files.example.com/v1/")

    document = yaml.safe_load(text)
    assert (document["kind"], document["metadata"], document["spec"]["version"]) == (
        "Plugin",
        {"name": "smtp"},
        f"v{VERSION}",
    )
    assert len(document["spec"]["shortDescription"]) <= 50
    found = {tuple(it["selector"]["matchLabels"].values()): it for it in document["spec"]["platforms"]}
    assert set(found) == {
        ("linux", "amd64"),
        ("linux", "arm64"),
        ("darwin", "amd64"),
        ("darwin", "arm64"),
    }
    assert found["darwin", "arm64"] == {
        "selector": {"matchLabels": {"os": "darwin", "arch": "arm64"}},
        "uri": f"https://files.example.com/v1/kubectl-smtp-{VERSION}-darwin-arm64.tar.gz",
        "sha256": hashes["darwin-arm64"],
        "bin": "kubectl-smtp",
    }


def test_missing_inputs_are_named(tmp_path: Path) -> None:
    empty = tmp_path / "smtp_operator-1-py3-none-any.whl"
    zipfile.ZipFile(empty, "w").close()
    with pytest.raises(ReleaseError, match=r"linux-arm64 and Python 3\.11 are missing: run make release-in"):
        krew.archive(tmp_path, krew.PLATFORMS[1], empty, COMMIT.time)
