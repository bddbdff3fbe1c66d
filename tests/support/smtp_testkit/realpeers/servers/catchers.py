# SPDX-License-Identifier: Apache-2.0
"""Servers that catch emails in tests, and Haraka: Inbucket and Mailpit from Go modules, Haraka from npm."""

import base64
import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Final

from smtp_testkit.realpeers.peers import PASSWORD, USER
from smtp_testkit.realpeers.servers.further import install
from smtp_testkit.realpeers.servers.packages import cache_folder
from smtp_testkit.realpeers.servers.server import Command, PeerServer, Site
from smtp_testkit.realpeers.tools import NeedsTools, program
from smtp_tools.localcluster.ports import free_ports

_HARAKA: Final = {
    "config/plugins": "tls\nauth/flat_file\nqueue/discard\n",
    "config/auth_flat_file.ini": "[core]\nmethods=PLAIN,LOGIN\n[users]\n{user}={password}\n",
    "config/smtp.ini": "listen=127.0.0.1:{start_tls},127.0.0.1:{tls}\nsmtps_port={tls}\nnodes=0\n",
    "config/tls.ini": "key={folder}/key.pem\ncert={folder}/cert.pem\n",
    "config/me": "localhost\n",
    "config/log.ini": "[main]\nlevel=notice\n",
    "config/loglevel": "notice\n",
    "config/outbound.ini": "disabled=true\n",
}


class GoProgram(PeerServer):
    """A server from a Go module: one process for each port."""

    module: ClassVar[str]
    """Path and version of the program."""

    def fetch(self) -> None:
        """See ``PeerServer``."""
        if self.program.is_file():
            return
        folder = self.program.parent
        folder.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "GOBIN": str(folder), "GOFLAGS": "-mod=mod"}
        done = subprocess.run(
            (program("go"), "install", self.module),
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise NeedsTools(f"go install {self.module} failed: {done.stderr[-300:]}")

    @property
    def program(self) -> Path:
        """The program, in the cache."""
        path, _, version = self.module.partition("@")
        name = Path(path).name
        return cache_folder() / "go-install" / f"{name}-{version}" / name


class Inbucket(GoProgram):
    """Inbucket, which accepts every password."""

    name = "Inbucket"
    module = "github.com/inbucket/inbucket/v3/cmd/inbucket@v3.2.0"
    omitted = frozenset({"wrong password"})
    expected: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "wrong smtpType: TLS to a plaintext port": (
            *("Unrecognized command",) * 8,
            *("Failed to send",) * 4,
            *("Network send error",) * 4,
            *("closed connection",) * 2,
        ),
        "wrong smtpType: StartTLS to a TLS port": ("EOF",),
    }

    def commands(self, site: Site) -> list[Command]:
        """See ``PeerServer``."""
        return [self._command(site, kind) for kind in self.kinds]

    def _command(self, site: Site, kind: str) -> Command:
        mailbox, web = free_ports(2)
        (site.directory / "ui").mkdir(exist_ok=True)
        variables = {
            "LOGLEVEL": "info",
            "SMTP_ADDR": f"127.0.0.1:{site.ports[kind]}",
            "SMTP_TLSENABLED": "true",
            "SMTP_TLSPRIVKEY": str(site.key),
            "SMTP_TLSCERT": str(site.certificate),
            "SMTP_FORCETLS": "true" if kind == "tls" else "false",
            "POP3_ADDR": f"127.0.0.1:{mailbox}",
            "WEB_ADDR": f"127.0.0.1:{web}",
            "WEB_UIDIR": str(site.directory / "ui"),
        }
        return Command((self.program,), {f"INBUCKET_{name}": value for name, value in variables.items()})


class Mailpit(GoProgram):
    """Mailpit."""

    name = "Mailpit"
    module = "github.com/axllent/mailpit@v1.33.1"
    expected: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "refused certificate": ("TLS handshake failed",),
        "wrong smtpType: TLS to a plaintext port": ("Syntax error",) * 8,
    }

    def commands(self, site: Site) -> list[Command]:
        """See ``PeerServer``."""
        digest = base64.b64encode(hashlib.sha1(PASSWORD.encode()).digest()).decode()
        users = site.write("users", f"{USER}:{{SHA}}{digest}\n")
        return [
            Command(
                (
                    self.program,
                    *("--smtp", f"127.0.0.1:{site.ports[kind]}", "--listen", f"127.0.0.1:{web}"),
                    *("--smtp-tls-cert", site.certificate, "--smtp-tls-key", site.key),
                    *("--smtp-auth-file", users, "--disable-version-check"),
                    "--smtp-require-tls" if kind == "tls" else "--smtp-require-starttls",
                )
            )
            for kind, web in zip(self.kinds, free_ports(2), strict=True)
        ]


class Haraka(PeerServer):
    """Haraka, from npm."""

    name = "Haraka"
    expected: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    _release: ClassVar[str] = "Haraka@3.3.4"

    def fetch(self) -> None:
        """See ``PeerServer``."""
        if not self._program.is_file():
            install(self._release, self._folder)

    @property
    def _folder(self) -> Path:
        return cache_folder() / "npm" / self._release

    @property
    def _program(self) -> Path:
        return self._folder / "node_modules/Haraka/bin/haraka"

    def commands(self, site: Site) -> list[Command]:
        """See ``PeerServer``."""
        for name, text in _HARAKA.items():
            values = {"folder": site.directory, "user": USER, "password": PASSWORD, **site.ports}
            site.write(f"haraka/{name}", text.format(**values))
        defaults = self._program.parents[1] / "config/connection.ini"
        shutil.copy(defaults, site.directory / "haraka/config")
        # Otherwise, it computes them, which takes minutes.
        parameters = ("genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe2048")
        file = site.directory / "haraka/config/dhparams.pem"
        subprocess.run((program("openssl"), *parameters, "-out", file), check=True, capture_output=True)
        return [Command((program("node"), self._program, "-c", site.directory / "haraka"))]
