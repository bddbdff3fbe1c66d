# SPDX-License-Identifier: Apache-2.0
"""A base image of Debian's packages, and our image on it, built by buildah without a network."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from smtp_tools.image.context import ROOT

DOCKERFILE: Final = ROOT / "deploy" / "image" / "Dockerfile"
BASE: Final = "localhost/debian-python:test"
_PACKAGES: Final = "python3,ca-certificates"
_WITHOUT_NETWORK: Final = ("unshare", "--net")


@dataclass(frozen=True, slots=True)
class Image:
    """A built image. ``config`` is its OCI configuration; ``size`` and ``base_size`` are in bytes."""

    name: str
    config: dict[str, Any]
    root: Path
    """The root file system of all layers."""
    size: int
    base_size: int


class Builder:
    """buildah with separate storage in ``folder``; needs root. Close it to remove its mounts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._storage = ("--root", str(folder / "root"), "--runroot", str(folder / "run"))

    def debian(self, suite: str = "bookworm") -> str:
        """Build an image of Debian's packages (Python, the CAs, and what they need); return its name."""
        archive = self._folder / "base.tar"
        command = [
            "mmdebstrap",
            "--quiet",
            "--variant=minbase",
            f"--include={_PACKAGES}",
            suite,
            str(archive),
        ]
        _run(command)
        container = self._buildah("from", "scratch")
        self._buildah("add", "--quiet", container, str(archive), "/")
        self._buildah("commit", "--quiet", container, BASE)
        self._buildah("rm", container)
        return BASE

    def build(self, context: Path, *, base: str, name: str, **arguments: str) -> Image:
        """Build our Dockerfile; ``arguments`` are its build arguments in addition to BASE."""
        words = ["build", "--quiet", "--isolation=chroot", "--pull-never", f"--build-arg=BASE={base}"]
        words += [f"--build-arg={key}={value}" for key, value in arguments.items()]
        self._buildah(*words, f"--tag={name}", f"--file={DOCKERFILE}", str(context), prefix=_WITHOUT_NETWORK)
        return self._image(name, base_size=self._size(base))

    def pull(self, archive: Path, reference: str, *, name: str) -> Image:
        """Take the image with that reference from the archive of an OCI image layout."""
        number = self._buildah("pull", "--quiet", f"oci-archive:{archive}:{reference}")
        self._buildah("tag", number, name)
        return self._image(name, base_size=0)

    def _image(self, name: str, *, base_size: int) -> Image:
        found = json.loads(self._buildah("inspect", "--type=image", name))
        container = self._buildah("from", "--pull-never", name)
        return Image(
            name=name,
            config=found["OCIv1"]["config"],
            root=Path(self._buildah("mount", container)),
            size=self._size(name),
            base_size=base_size,
        )

    @property
    def command(self) -> str:
        """Return the command for ``make image BUILDER=...``."""
        return " ".join(("buildah", "--storage-driver=vfs", *self._storage))

    def labels(self, name: str) -> dict[str, str]:
        """Return the labels of an image in the storage."""
        told = json.loads(self._buildah("inspect", "--type=image", name))
        return dict(told["OCIv1"]["config"]["Labels"])

    def close(self) -> None:
        """Remove containers and images."""
        self._buildah("rm", "--all")
        self._buildah("rmi", "--all", "--force")

    def _size(self, name: str) -> int:
        listed = json.loads(self._buildah("images", "--json", name))
        return _bytes(listed[0]["size"])

    def _buildah(self, *words: str, prefix: Sequence[str] = ()) -> str:
        return _run([*prefix, "buildah", "--storage-driver=vfs", *self._storage, *words])


def _bytes(text: str) -> int:
    number, unit = text.split()
    factor = {"B": 1, "KB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000}[unit.upper()]
    return round(float(number) * factor)


def _run(command: Sequence[str]) -> str:
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} exited with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout.strip()
