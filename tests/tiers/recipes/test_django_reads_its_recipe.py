# SPDX-License-Identifier: Apache-2.0
"""Django's settings read the recipe."""

import json
import os
import subprocess
import sys
import venv
from pathlib import Path

from smtp_testkit.recipes import FROM, HOST, PASSWORD, PORT, USER, rest_of, secret

REQUIREMENTS = Path(__file__).with_name("django.txt")
PRINT = """
import json
from django.conf import settings
from django.core.mail import get_connection
it = get_connection()
print(json.dumps([
    it.host, it.port, it.username, it.password, it.use_tls, it.use_ssl, settings.DEFAULT_FROM_EMAIL
]))
"""


def test_django_reads_its_recipe(tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv/bin/python"
    install = (python, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--require-hashes")
    subprocess.run((*install, "-r", REQUIREMENTS), check=True, stdout=sys.stderr)
    (tmp_path / "mail_settings.py").write_text(f"import os\n{rest_of('django')}", encoding="utf-8")
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": "mail_settings", "PYTHONPATH": ""}
    done = subprocess.run(
        (python, "-c", PRINT),
        cwd=tmp_path,
        env=environment | secret("django"),
        check=True,
        stdout=subprocess.PIPE,
    )
    assert json.loads(done.stdout) == [HOST, PORT, USER, PASSWORD, True, False, FROM]
