# SPDX-License-Identifier: Apache-2.0
"""Mail servers in Go: a small one based on go-smtp, and chasquid of Debian."""

import subprocess
from collections.abc import Mapping
from typing import ClassVar, Final

from smtp_testkit.realpeers.peers import OPS, PASSWORD, USER
from smtp_testkit.realpeers.servers.server import Command, PeerServer, Site
from smtp_testkit.realpeers.tools import NeedsTools
from smtp_tools.gobuild import BuildError, Program, program_folder
from smtp_tools.paths import HACK

_GO_SMTP: Final = Program(
    source=HACK / "smtp-peer",
    announcement="Building a mail server from the Go module go-smtp.\nThis happens once and takes a minute.",
)


class GoSmtp(PeerServer):
    """A server of the library go-smtp, on which maddy and others are based."""

    name = "go-smtp"
    expected: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "wrong smtpType: StartTLS to a TLS port": ("EOF",),
    }

    def fetch(self) -> None:
        """See ``PeerServer``."""
        try:
            program_folder(_GO_SMTP)
        except BuildError as error:
            raise NeedsTools(str(error)) from error

    def commands(self, site: Site) -> list[Command]:
        """See ``PeerServer``."""
        words = (
            program_folder(_GO_SMTP) / _GO_SMTP.name,
            *("-listen", f"127.0.0.1:{site.ports['start_tls']}"),
            *("-listen-tls", f"127.0.0.1:{site.ports['tls']}"),
            *("-certificate", site.certificate, "-key", site.key, "-user", USER),
        )
        return [Command(words, {"PASSWORD": PASSWORD})]


class Chasquid(PeerServer):
    """chasquid, with its own SMTP implementation."""

    name = "chasquid"
    packages = ("chasquid",)
    expected: ClassVar[Mapping[str, tuple[str, ...]]] = {
        # OpenSSL sends the alert in plaintext, after the server has begun to encrypt
        "refused certificate": ("bad record MAC",),
        "refused certificate, implicit TLS": ("bad record MAC",),
        "wrong smtpType: StartTLS to a TLS port": ("EOF",),
    }

    def commands(self, site: Site) -> list[Command]:
        """See ``PeerServer``."""
        programs = self.root / "usr/bin"
        site.write(
            "chasquid/chasquid.conf",
            f'hostname: "mail.test.example"\ndata_dir: "{site.directory}/data"\n'
            f'smtp_address: "127.0.0.1:0"\nsubmission_address: "127.0.0.1:{site.ports["start_tls"]}"\n'
            f'submission_over_tls_address: "127.0.0.1:{site.ports["tls"]}"\n'
            'mail_delivery_agent_bin: "/bin/true"\nmail_log_path: "<stderr>"\n',
        )
        site.write("chasquid/certs/localhost/fullchain.pem", site.certificate.read_text())
        site.write("chasquid/certs/localhost/privkey.pem", site.key.read_text(), mode=0o600)
        folder = site.directory / "chasquid"
        (folder / "domains/test.example").mkdir(parents=True)
        for user in (USER, OPS):
            add = (programs / "chasquid-util", f"-C={folder}", "user-add", user, f"--password={PASSWORD}")
            subprocess.run(add, check=True, capture_output=True)
        return [Command((programs / "chasquid", f"-config_dir={folder}"))]
