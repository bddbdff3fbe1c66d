# SPDX-License-Identifier: Apache-2.0
"""Alertmanager's package ``config`` reads the recipe."""

from pathlib import Path

from smtp_testkit.recipes import HOST, PASSWORD, PORT, SENDER, USER, read_by, rest_of, secret
from smtp_tools.gobuild import Program
from smtp_tools.paths import HACK

READER = Program(
    source=HACK / "alertmanager-settings",
    announcement="Building Alertmanager's parser.\nThis happens once and takes a minute.",
)
MOUNT = "/etc/mail"
REST = """
route: {receiver: mail}
receivers: [{name: mail, email_configs: [{to: ops@example.com}]}]
"""


def test_alertmanager_reads_its_recipe(tmp_path: Path) -> None:
    assert f"{MOUNT}/password" in rest_of("alertmanager")
    for key, value in secret("alertmanager").items():
        (tmp_path / key).write_text(value, encoding="utf-8")
    file = tmp_path / "alertmanager.yaml"
    file.write_text(rest_of("alertmanager").replace(MOUNT, str(tmp_path)) + REST, encoding="utf-8")
    assert read_by(READER, file) == {
        "host": HOST,
        "port": str(PORT),
        "from": SENDER,
        "username": USER,
        "password": PASSWORD.strip(),
        "requireTls": True,
    }
