# SPDX-License-Identifier: Apache-2.0
"""`smtp-operator check` as users run it, a mail server, and manifests in the current folder."""

import io
import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import pytest
import yaml

from smtp_operator.cli.main import run_program
from smtp_testkit.mailpeers import MailServer
from smtp_testkit.testbed.rights import wait_for_right
from smtp_tools.localcluster import LocalCluster

USER, PASSWORD = "mailer@example.com", "s3cret-pa55"

Document = dict[str, Any]

WITHOUT_DNS = {"PATH": os.defpath, "SMTP_OPERATOR_SENDER_AUTHENTICATION": "false"}


@dataclass(frozen=True)
class CommandResult:
    """Exit code and outputs of a command."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """Standard output, with values that differ in each run replaced."""
        return steady(self.out)

    @property
    def progress(self) -> str:
        """Standard error, with the same replacements."""
        return steady(self.err)

    @property
    def json(self) -> Any:
        """Standard output, parsed as JSON."""
        return json.loads(self.out)


def steady(text: str) -> str:
    """Return the text without durations."""
    return re.sub(r"\b\d+(?:\.\d+)?(?:ms|s)\b", "TIME", text)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder; messages name files relative to it."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


Check = Callable[..., CommandResult]


@pytest.fixture
def check(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Check:
    """Runs the command with a separate environment and standard input."""

    def run(
        *words: str, stdin: bytes = b"", terminal: TextIO | None = None, **environment: str
    ) -> CommandResult:
        capsys.readouterr()
        with monkeypatch.context() as patch:
            for name in os.environ:
                patch.delenv(name)
            for name, value in {**WITHOUT_DNS, "HOME": str(folder), **environment}.items():
                patch.setenv(name, value)
            patch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
            if terminal is not None:
                patch.setattr("sys.stdout", terminal)
                patch.setattr("sys.stderr", terminal)
            try:
                code = run_program(["check", *words])
            except SystemExit as ended:  # argparse
                code = int(ended.code or 0)
        captured = capsys.readouterr()
        return CommandResult(code, captured.out, captured.err)

    return run


@pytest.fixture
def server() -> Iterator[MailServer]:
    """A mail server with one user."""
    with MailServer.in_thread(users={USER: PASSWORD}) as running:
        yield running


@pytest.fixture
def secret() -> Document:
    """The Secret with the user's password."""
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "smtp-password"},
        "stringData": {"password": PASSWORD},
    }


@pytest.fixture
def authority(server: MailServer) -> Document:
    """The ConfigMap with the CA of the server's certificate."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "mail-ca"},
        "data": {"ca.crt": server.ca_pem},
    }


@pytest.fixture
def config(server: MailServer) -> Document:
    """A SmtpConfig that passes."""
    return {
        "apiVersion": "smtp-operator.io/v1alpha1",
        "kind": "SmtpConfig",
        "metadata": {"name": "corporate-mail", "namespace": "team-a"},
        "spec": {
            "server": "localhost",
            "port": server.starttls_port,
            "username": USER,
            "password": {"secretRef": {"name": "smtp-password"}},
            "from": "noreply@example.com",
            "recipients": {"to": ["ops@example.com"]},
            "tls": {"caRef": {"name": "mail-ca"}},
        },
    }


Write = Callable[..., str]


@pytest.fixture
def write(folder: Path) -> Write:
    """Writes documents, texts or bytes into a file in the current folder; returns its name."""

    def written(*content: Mapping[str, Any] | str | bytes, name: str = "mail.yaml") -> str:
        if isinstance(content[0], bytes):
            (folder / name).write_bytes(content[0])
        elif isinstance(content[0], str):
            (folder / name).write_text(content[0], encoding="utf-8")
        else:
            (folder / name).write_text(yaml.safe_dump_all(content), encoding="utf-8")
        return name

    return written


@pytest.fixture
def manifest(write: Write, config: Document, secret: Document, authority: Document) -> str:
    """The file with all objects."""
    return write(secret, authority, config)


@pytest.fixture
def anonymous(server: MailServer) -> Document:
    """A SmtpConfig without login and TLS."""
    return {
        "apiVersion": "smtp-operator.io/v1alpha1",
        "kind": "SmtpConfig",
        "metadata": {"name": "relay"},
        "spec": {
            "server": "localhost",
            "port": server.plain_port,
            "smtpType": "None",
            "from": "noreply@example.com",
        },
    }


Reader = Callable[..., str]


@pytest.fixture
def reader(cluster: LocalCluster, namespace: str) -> Reader:
    """Returns the kubeconfig of a user who can only get these resources of the namespace."""

    def allowed(*resources: str) -> str:
        cluster.kubectl("-n", namespace, "create", "serviceaccount", "reader")
        if resources:
            named = [f"--resource={it}" for it in resources]
            cluster.kubectl("-n", namespace, "create", "role", "reader", "--verb=get", *named)
            account = f"--serviceaccount={namespace}:reader"
            cluster.kubectl("-n", namespace, "create", "rolebinding", "reader", "--role=reader", account)
            wait_for_right(cluster, namespace, "reader", "get", resources[0])
        return str(cluster.kubeconfig_for_service_account(namespace, "reader"))

    return allowed
