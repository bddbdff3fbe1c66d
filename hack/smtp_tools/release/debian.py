# SPDX-License-Identifier: Apache-2.0
"""The base of the image: Debian packages, locked in ``deploy/image/debian.lock``, unpacked by mmdebstrap.

No maintainer script runs, so the packages of another architecture can be unpacked as well.
"""

import hashlib
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from smtp_tools.paths import ROOT
from smtp_tools.release.commands import run
from smtp_tools.release.errors import ReleaseError
from smtp_tools.release.layers import EXECUTABLE, Archive, tar_members

LOCK: Final = ROOT / "deploy" / "image" / "debian.lock"
SUITE: Final = "trixie"
ARCHITECTURES: Final = ("amd64", "arm64")
_WANTED: Final = ("base-files", "ca-certificates", "python3")
_SCRIPTS_ONLY: Final = frozenset(
    {
        *("debconf", "dpkg", "libacl1", "libmd0", "libpcre2-8-0", "libselinux1", "mawk"),
        *("openssl", "openssl-provider-legacy", "tar"),
    }
)
"""Dependencies that only maintainer scripts use."""

_HEAD: Final = """\
# SPDX-License-Identifier: Apache-2.0
# Debian packages of the image's base; `make lock-image` writes this file.
# name version architecture sha256
"""
_LEFT_OUT: Final = re.compile(
    r"(dev|proc|sys|run|boot|home|media|mnt|srv|var/cache|var/log|var/lib)/.*"
    r"|etc/(apt|cron\..*|dpkg|skel|update-motd\.d)/.*"
    r"|usr/share/(man|locale|lintian|bash-completion|doc-base|base-files|info|perl5|apport|menu)/.*"
    r"|usr/share/(pixmaps|applications)/.*"
    r"|usr/share/doc/(?!.*/copyright$).*"
)
_FIELDS_LEFT_OUT: Final = re.compile(
    r"^(Depends|Pre-Depends|Recommends|Suggests|Breaks|Conflicts|Replaces|Provides):.*\n(?: .*\n)*",
    re.MULTILINE,
)


@dataclass(frozen=True, slots=True, order=True)
class Package:
    """A locked package. ``target`` is the architecture of the image, ``architecture`` may be ``all``."""

    target: str
    name: str
    version: str
    architecture: str
    sha256: str

    @property
    def filename(self) -> str:
        """The file name as apt writes it."""
        return f"{self.name}_{self.version.replace(':', '%3a')}_{self.architecture}.deb"

    @property
    def purl(self) -> str:
        """The package URL."""
        version = self.version.replace("+", "%2B").replace(":", "%3A").replace("~", "~")
        return f"pkg:deb/debian/{self.name}@{version}?arch={self.architecture}&distro={SUITE}"


def locked() -> tuple[Package, ...]:
    """Return the locked packages of both architectures."""
    packages, target = [], ""
    for line in LOCK.read_text(encoding="utf-8").splitlines():
        if line.startswith("[") and line.endswith("]"):
            target = line[1:-1]
        elif line and not line.startswith("#"):
            name, version, architecture, digest = line.split()
            packages.append(Package(target, name, version, architecture, digest))
    return tuple(packages)


def write_lock() -> None:
    """Lock the newest packages of Debian. Uses the network.

    Raises:
        ReleaseError: mmdebstrap failed.
    """
    lines = [_HEAD]
    for target in ARCHITECTURES:
        lines.append(f"\n[{target}]\n")
        with tempfile.TemporaryDirectory() as scratch:
            _download(Path(scratch), target, _WANTED)
            for it in sorted(_package(file, target) for file in Path(scratch).glob("*.deb")):
                if it.name not in _SCRIPTS_ONLY:
                    lines.append(f"{it.name} {it.version} {it.architecture} {it.sha256}\n")
    LOCK.write_text("".join(lines), encoding="utf-8")


def fetch(folder: Path) -> None:
    """Download the locked packages that the folder lacks. Uses the network only for those.

    Raises:
        ReleaseError: a version is no longer on the mirror, or a hash differs.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for target in ARCHITECTURES:
        wanted = [it for it in locked() if it.target == target]
        if any(not (folder / it.filename).exists() for it in wanted):
            try:
                _download(folder, target, [f"{it.name}={it.version}" for it in wanted])
            except ReleaseError as error:
                raise ReleaseError(
                    f"{error}\nIf Debian has replaced a locked version, run `make lock-image`, "
                    "and commit the result."
                ) from error
    for it in locked():
        _verify(folder / it.filename, it)


def root_file_system(folder: Path, target: str, time: int) -> Archive:
    """Return the root file system of the locked packages in the folder. Uses no network.

    Raises:
        ReleaseError: a package is missing or was changed, or mmdebstrap failed.
    """
    packages = [it for it in locked() if it.target == target]
    for it in packages:
        _verify(folder / it.filename, it)
    with tempfile.TemporaryDirectory() as scratch:
        repository, tar = Path(scratch, "repository"), Path(scratch, "root.tar")
        repository.mkdir()
        for it in packages:
            (repository / it.filename.replace("%3a", "")).write_bytes((folder / it.filename).read_bytes())
        (repository / "Packages").write_text("\n".join(_stanzas(repository)), encoding="utf-8")
        Path(scratch).chmod(EXECUTABLE)  # mmdebstrap reads as another user
        run("mmdebstrap", "--quiet", "--variant=extract", f"--architectures={target}",
            f"--include={','.join(it.name for it in packages)}", "", tar,
            f"deb [trusted=yes] copy://{repository} ./")  # fmt: skip
        archive = Archive(time)
        for info, content in tar_members(tar):
            path = info.name.removeprefix("./").rstrip("/")
            if not path or path == "." or _LEFT_OUT.fullmatch(f"{path}/" if info.isdir() else path):
                continue
            if info.issym():
                archive.link(path, info.linkname)
            elif info.isdir():
                archive.folder(path, info.mode)
            else:
                archive.file(path, content, info.mode)
    _configure(archive, packages, folder)
    return archive


def control(deb: Path) -> str:
    """Return the control file of a package."""
    return run("dpkg-deb", "--field", deb)


def _configure(archive: Archive, packages: Sequence[Package], folder: Path) -> None:
    """Do what maintainer scripts do: users, CA certificates, and the list of packages for scanners."""
    archive.file("etc/passwd", "root:x:0:0:root:/root:/usr/sbin/nologin\n"
                 "smtp-operator:x:65532:65532:smtp-operator:/:/usr/sbin/nologin\n")  # fmt: skip
    archive.file("etc/group", "root:x:0:\nsmtp-operator:x:65532:\n")
    archive.file("etc/nsswitch.conf", "hosts: files dns\n")
    archive.link("etc/os-release", "../usr/lib/os-release")
    archive.link("usr/lib/ssl/certs", "/etc/ssl/certs")  # where OpenSSL looks; a link of the package openssl
    archive.folder("tmp", 0o1777)
    for it in packages:
        archive.file(f"var/lib/dpkg/status.d/{it.name}", control(folder / it.filename))
    certificates = {
        path: entry.content
        for path, entry in archive.entries.items()
        if path.startswith("usr/share/ca-certificates/") and path.endswith(".crt")
    }
    bundle = b"".join(content.rstrip() + b"\n" for _, content in sorted(certificates.items()))
    archive.file("etc/ssl/certs/ca-certificates.crt", bundle)
    with tempfile.TemporaryDirectory() as scratch:
        for path, content in certificates.items():
            Path(scratch, Path(path).with_suffix(".pem").name).write_bytes(content)
            archive.link(f"etc/ssl/certs/{Path(path).with_suffix('.pem').name}", f"/{path}")
        run("openssl", "rehash", scratch)
        for link in Path(scratch).iterdir():
            if link.is_symlink():
                archive.link(f"etc/ssl/certs/{link.name}", str(link.readlink()))


def _download(folder: Path, target: str, wanted: Iterable[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        run("mmdebstrap", "--quiet", "--variant=extract", f"--architectures={target}",
            f"--include={','.join(wanted)}",
            f'--extract-hook=cp "$1"/var/cache/apt/archives/*.deb "{folder.resolve()}/"',
            SUITE, Path(scratch, "root.tar"))  # fmt: skip


def _package(deb: Path, target: str) -> Package:
    fields = dict(line.split(": ", 1) for line in control(deb).splitlines() if re.match(r"[\w-]+: ", line))
    digest = hashlib.sha256(deb.read_bytes()).hexdigest()
    return Package(target, fields["Package"], fields["Version"], fields["Architecture"], digest)


def _verify(deb: Path, package: Package) -> None:
    if not deb.exists():
        raise ReleaseError(f"{deb} is missing. Run `make release-inputs` with network access.")
    if hashlib.sha256(deb.read_bytes()).hexdigest() != package.sha256:
        raise ReleaseError(
            f"The SHA-256 of {deb} differs from {LOCK.name}. Delete the file and fetch it again."
        )


def _stanzas(repository: Path) -> Iterator[str]:
    """Yield the index entries; without dependencies, because the lock has all packages."""
    for deb in sorted(repository.glob("*.deb")):
        fields = _FIELDS_LEFT_OUT.sub("", control(deb))
        content = deb.read_bytes()
        yield (
            f"{fields.rstrip()}\nFilename: ./{deb.name}\nSize: {len(content)}\n"
            f"SHA256: {hashlib.sha256(content).hexdigest()}\n"
        )
