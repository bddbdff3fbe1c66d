# SPDX-License-Identifier: Apache-2.0
"""The image, built from Debian's packages with buildah. If tools are missing, every test here fails."""

import subprocess
from collections.abc import Iterator
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

import pytest

from smtp_tools.image import ROOT, Builder, Image, make_context
from smtp_tools.release.images import native_architecture

REVISION = subprocess.run(
    ("git", "rev-parse", "HEAD"), cwd=ROOT, capture_output=True, text=True, check=False
).stdout.strip()


def make(target: str) -> str:
    """Run a make target for a release of this tree, and return what it prints."""
    command = ["make", "--no-print-directory", target, f"VERSION={version('smtp-operator')}"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def context(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The build context for this Python version, which is also Debian's."""
    folder = tmp_path_factory.mktemp("image") / "context"
    make_context(folder)
    return folder


@pytest.fixture(scope="session")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Builder]:
    """A buildah with empty storage."""
    with closing(Builder(tmp_path_factory.mktemp("buildah"))) as builder:
        yield builder


@pytest.fixture(scope="session")
def dist() -> Path:
    """The artifacts of a release of this tree, built with the documented command."""
    make("release")
    return ROOT / "dist"


@pytest.fixture(scope="session")
def released(builder: Builder, dist: Path) -> Image:
    """The released image for this machine."""
    release = version("smtp-operator")
    archive = dist / f"smtp-operator-{release}.oci.tar"
    return builder.pull(archive, f"{release}-{native_architecture()}", name=f"localhost/released:{release}")


@pytest.fixture(scope="session")
def base(builder: Builder) -> str:
    """An image of Debian's packages."""
    return builder.debian()


@pytest.fixture(scope="session")
def image(builder: Builder, base: str, context: Path) -> Image:
    """The image of this tree."""
    release = version("smtp-operator")
    name = f"localhost/smtp-operator:{release}"
    return builder.build(context, base=base, name=name, VERSION=release, REVISION=REVISION or "none")
