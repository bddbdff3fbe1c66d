# SPDX-License-Identifier: Apache-2.0
"""A mailbox in Dovecot, if Dovecot is installed. It needs no root."""

import grp
import os
import pwd
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from socket import create_connection
from tempfile import TemporaryDirectory
from typing import Any, Final

from smtp_testkit.mailpeers import MailServer, ReceivedMail
from smtp_testkit.realpeers.peers import write_certificates
from smtp_tools.localcluster import ClusterError
from smtp_tools.localcluster.ports import free_ports
from smtp_tools.localcluster.processes import Process

PROBE: Final = "probe@example.com"
_FOLDERS: Final = ("/usr/lib/dovecot", "/usr/libexec/dovecot")
_SERVED_VERSION: Final = "2.3."
"""Dovecot 2.4 has another syntax of its configuration."""
_SECONDS: Final = 30.0
_CONFIGURATION: Final = """\
base_dir = {folder}/run
state_dir = {folder}/state
protocols = imap
log_path = {folder}/dovecot.log
default_internal_user = {account}
default_login_user = {account}
default_internal_group = {group}
ssl = required
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
first_valid_uid = 1
mail_location = maildir:{folder}/mail
passdb {{
  driver = passwd-file
  args = {folder}/users
}}
userdb {{
  driver = static
  args = uid={account} gid={group} home={folder}/mail
}}
service anvil {{
  chroot =
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = 0
  }}
  inet_listener imaps {{
    address = 127.0.0.1
    port = {port}
    ssl = yes
  }}
}}
"""


@dataclass(frozen=True)
class Programs:
    """Where Dovecot is installed."""

    server: Path
    delivery: Path

    @classmethod
    def found(
        cls, environment: Mapping[str, str] = os.environ, folders: Sequence[str] = _FOLDERS
    ) -> "Programs | None":
        """Return the installed programs; None if one is missing or too new."""
        path = f"{environment.get('PATH', '')}:/usr/sbin"
        server = shutil.which("dovecot", path=path)
        if server is None or not _version(server).startswith(_SERVED_VERSION):
            return None
        for folder in map(Path, folders):
            if (folder / "imap").is_file() and (folder / "dovecot-lda").is_file():
                return cls(Path(server), folder / "dovecot-lda")
        return None


@dataclass(frozen=True)
class Mailbox:
    """The running mailbox of ``PROBE``."""

    port: int
    password: str
    ca_pem: str
    folder: Path
    programs: Programs

    def deliver(self, sender: str, content: bytes) -> None:
        """Put an email into the mailbox.

        Raises:
            CalledProcessError: Dovecot refuses it.
        """
        command = (self.programs.delivery, "-c", self.folder / "dovecot.conf", "-d", PROBE, "-f", sender)
        subprocess.run(command, input=content, capture_output=True, check=True, timeout=_SECONDS)

    @classmethod
    @contextmanager
    def start(cls, programs: Programs) -> Iterator["Mailbox"]:
        """Run Dovecot for the block.

        Raises:
            ClusterError: Dovecot does not start.
        """
        with TemporaryDirectory(prefix="mailbox-", dir="/tmp") as name:  # below 108 signs for sockets
            folder = Path(name)
            folder.chmod(0o755)
            ca_pem, password, (port,) = write_certificates(folder), secrets.token_urlsafe(12), free_ports(1)
            _configure(folder, port, password)
            command = (programs.server, "-F", "-c", folder / "dovecot.conf")
            environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
            process = Process(command, name="Dovecot", log=folder / "said.log", environment=environment)
            try:
                _wait_until_ready(process, port)
                yield cls(port, password, ca_pem, folder, programs)
            finally:
                process.end(_SECONDS)


class DeliveringServer(MailServer):
    """A mail server that delivers the emails to ``PROBE`` into a mailbox, if there is one."""

    def __init__(self, mailbox: Mailbox | None, **options: Any) -> None:
        """``options`` as for the base class."""
        super().__init__(**options)
        self._mailbox = mailbox

    def received(self, mail: ReceivedMail) -> None:
        """Deliver the email, and keep it."""
        if self._mailbox is not None and PROBE in mail.recipients:
            self._mailbox.deliver(mail.sender, mail.content)
        super().received(mail)


def _version(server: str) -> str:
    done = subprocess.run((server, "--version"), capture_output=True, text=True, check=False)
    return done.stdout


def _configure(folder: Path, port: int, password: str) -> None:
    own = pwd.getpwuid(os.geteuid())
    account = pwd.getpwnam("nobody") if own.pw_uid == 0 else own  # Dovecot does not serve emails as root
    (folder / "users").write_text(f"{PROBE}:{{PLAIN}}{password}::::::\n")
    (folder / "mail").mkdir()
    os.chown(folder / "mail", account.pw_uid, account.pw_gid)
    group = grp.getgrgid(account.pw_gid).gr_name
    values = {"folder": folder, "port": port, "account": account.pw_name, "group": group}
    (folder / "dovecot.conf").write_text(_CONFIGURATION.format(**values))


def _wait_until_ready(process: Process, port: int) -> None:
    end = time.monotonic() + _SECONDS
    while process.exited() is None and time.monotonic() < end:
        try:
            create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.02)
        else:
            return
    raise ClusterError(f"Dovecot does not start: {process.described()}")
