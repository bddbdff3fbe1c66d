# SPDX-License-Identifier: Apache-2.0
"""Archives whose bytes depend on their content only: sorted, with fixed owners and times."""

import gzip
import hashlib
import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

EXECUTABLE = 0o755
READABLE = 0o644
_LEVEL: Final = 6


@dataclass(frozen=True, slots=True)
class Entry:
    """A file, folder or symbolic link."""

    kind: bytes
    mode: int
    content: bytes = b""
    target: str = ""


@dataclass(slots=True)
class Archive:
    """A file system tree. Paths are relative, such as ``etc/passwd``; ``time`` is in epoch seconds."""

    time: int
    entries: dict[str, Entry] = field(default_factory=dict)

    def file(self, path: str, content: bytes | str, mode: int = READABLE) -> None:
        """Add a file and its folders."""
        data = content.encode() if isinstance(content, str) else content
        self._add(path, Entry(tarfile.REGTYPE, mode, data))

    def folder(self, path: str, mode: int = EXECUTABLE) -> None:
        """Add a folder and its parents."""
        self._add(path, Entry(tarfile.DIRTYPE, mode))

    def link(self, path: str, target: str) -> None:
        """Add a symbolic link and its folders."""
        self._add(path, Entry(tarfile.SYMTYPE, 0o777, target=target))

    def tree(self, source: Path, prefix: str) -> None:
        """Add a folder of this machine with all files."""
        for item in sorted(source.rglob("*")):
            path = str(PurePosixPath(prefix, item.relative_to(source).as_posix()))
            if item.is_symlink():
                self.link(path, str(item.readlink()))
            elif item.is_dir():
                self.folder(path)
            else:
                executable = item.stat().st_mode & 0o111
                self.file(path, item.read_bytes(), EXECUTABLE if executable else READABLE)

    def tar(self) -> bytes:
        """Return the archive as an uncompressed tar file."""
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for path, entry in sorted(self.entries.items()):
                info = tarfile.TarInfo(path)
                info.type, info.mode, info.linkname = entry.kind, entry.mode, entry.target
                info.size, info.mtime = len(entry.content), self.time
                archive.addfile(info, io.BytesIO(entry.content))
        return buffer.getvalue()

    def tar_gz(self) -> bytes:
        """Return the archive as a compressed tar file."""
        return compressed(self.tar())

    def _add(self, path: str, entry: Entry) -> None:
        for parent in reversed(PurePosixPath(path).parents[:-1]):
            self.entries.setdefault(str(parent), Entry(tarfile.DIRTYPE, EXECUTABLE))
        self.entries[path] = entry


def compressed(content: bytes) -> bytes:
    """Return the content in gzip's format. The default level takes a third of the time of the highest one."""
    return gzip.compress(content, compresslevel=_LEVEL, mtime=0)


def sha256(content: bytes) -> str:
    """Return the SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def tar_members(tar: Path) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
    """Yield the members of a tar file with their content; a hard link has the content of its target."""
    with tarfile.open(tar) as archive:
        for info in archive:
            found = archive.extractfile(info) if info.isreg() or info.islnk() else None
            yield info, b"" if found is None else found.read()
