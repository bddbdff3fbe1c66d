# SPDX-License-Identifier: Apache-2.0
"""Gitea's package ``setting`` reads the recipe."""

from pathlib import Path

from smtp_testkit.recipes import HOST, PASSWORD, PORT, SENDER, USER, read_by, secret
from smtp_tools.gobuild import Program
from smtp_tools.paths import HACK

READER = Program(
    source=HACK / "gitea-settings",
    announcement="Building Gitea's parser.\nThis happens once and takes two minutes.",
)


def test_gitea_reads_its_recipe(tmp_path: Path) -> None:
    found = read_by(READER, tmp_path / "app.ini", environment=secret("gitea"))
    expected = {
        "Protocol": "smtp+starttls",
        "SMTPAddr": HOST,
        "SMTPPort": str(PORT),
        "User": USER,
        "Passwd": PASSWORD,
        "FromName": "Platform Team",
        "FromEmail": SENDER,
        "ForceTrustServerCert": False,
    }
    assert {key: found[key] for key in expected} == expected
