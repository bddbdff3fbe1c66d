# SPDX-License-Identifier: Apache-2.0
"""An archive depends on its content only."""

import io
import tarfile
from pathlib import Path

from smtp_tools.release.layers import Archive

TIME = 1_700_000_000


def members(archive: Archive) -> list[tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(archive.tar())) as found:
        return found.getmembers()


def test_the_order_of_additions_changes_nothing() -> None:
    first, second = Archive(TIME), Archive(TIME)
    first.file("etc/a", "1")
    first.link("etc/b", "a")
    second.link("etc/b", "a")
    second.file("etc/a", "1")

    assert first.tar_gz() == second.tar_gz()


def test_every_member_has_the_given_time_and_belongs_to_root(tmp_path: Path) -> None:
    (tmp_path / "program").write_text("x")
    (tmp_path / "program").chmod(0o744)
    archive = Archive(TIME)

    archive.tree(tmp_path, "opt/app")

    assert [(it.name, oct(it.mode), it.mtime, it.uid, it.gid) for it in members(archive)] == [
        ("opt", "0o755", TIME, 0, 0),
        ("opt/app", "0o755", TIME, 0, 0),
        ("opt/app/program", "0o755", TIME, 0, 0),
    ]


def test_links_stay_links(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("missing")
    archive = Archive(TIME)

    archive.tree(tmp_path, "opt")

    (_, link) = members(archive)
    assert (link.issym(), link.linkname) == (True, "missing")
