# SPDX-License-Identifier: Apache-2.0
"""The recipes of the documentation, and the Secrets that the operator writes for them."""

import base64
import json
import re
import subprocess
from pathlib import Path
from typing import Any, Final

import yaml

from smtp_operator.api.status import SmtpConfigStatus
from smtp_operator.reconcile.smtpconfig.publish.secret import ProvenSettings, secret_of
from smtp_operator.reconcile.smtpconfig.snapshot import snapshot_of
from smtp_operator.smtp.request import SmtpLogin
from smtp_tools.gobuild import Program, program_folder
from smtp_tools.paths import ROOT

_TEXT: Final = (ROOT / "docs/how-to/recipes-for-applications.md").read_text(encoding="utf-8")
_RECIPE: Final = re.compile(r"<!-- recipe: (\w+) -->\n```text\n(.*?)```", re.DOTALL)
RECIPES: Final[dict[str, Any]] = {name: yaml.safe_load(text) for name, text in _RECIPE.findall(_TEXT)}

HOST: Final = "smtp.example.com"
PORT: Final = 587
USER: Final = "mailer@example.com"
PASSWORD: Final = 's3cret "$x# '
SENDER: Final = "noreply@example.com"
FROM: Final = f"Platform Team <{SENDER}>"


def secret(
    name: str, password: str = PASSWORD, *, ca_chain: tuple[bytes, ...] = (), **settings: Any
) -> dict[str, str]:
    """Return the values of the Secret that the operator writes for a recipe.

    Args:
        ca_chain: the CA certificates (DER) that verified the server.
        settings: fields of spec that replace those of the example.
    """
    spec = {
        "server": HOST,
        "port": PORT,
        "username": USER,
        "password": {"secretRef": {"name": "smtp-password"}},
        "from": FROM,
        **RECIPES[name],
        **settings,
    }
    metadata = {"namespace": "team-a", "name": "mail", "uid": "u", "generation": 1, "resourceVersion": "1"}
    snapshot = snapshot_of({"metadata": metadata, "spec": spec, "status": SmtpConfigStatus().model_dump()})
    assert snapshot.spec.publish is not None
    login = SmtpLogin(username=USER, password=password, origin="Secret smtp-password")
    proven = ProvenSettings(login=login, holders=(), references=(), ca_chain=ca_chain, proven_at=0.0)
    made = secret_of(snapshot, snapshot.spec.publish, proven, helo_name=None, annotations={})
    return {key: base64.b64decode(value).decode() for key, value in made["data"].items()}


def rest_of(name: str) -> str:
    """Return the block that follows a recipe: what the application reads besides the Secret."""
    (found,) = re.findall(rf"<!-- recipe: {name} -->.*?```\n.*?```text\n(.*?)```", _TEXT, re.DOTALL)
    return str(found)


def read_by(program: Program, *arguments: str | Path, environment: dict[str, str] | None = None) -> Any:
    """Return the JSON that a Go program prints about the settings that it has read."""
    command = (program_folder(program) / program.name, *arguments)
    return json.loads(subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout)
