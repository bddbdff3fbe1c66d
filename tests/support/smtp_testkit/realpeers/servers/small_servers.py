# SPDX-License-Identifier: Apache-2.0
"""Small servers of Debian: msmtpd in C, qpsmtpd in Perl."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Final

from smtp_testkit.realpeers.peers import PASSWORD, USER
from smtp_testkit.realpeers.servers.server import Command, PeerServer, Site
from smtp_testkit.realpeers.tools import program

_QUEUE: Final = """\
use Qpsmtpd::Constants;
sub hook_rcpt { return OK }
sub hook_queue { return (OK, "Queued") }
1;
"""


class Msmtpd(PeerServer):
    """msmtpd, which passes emails to a command; without TLS and login."""

    name = "msmtpd"
    packages = ("msmtp-mta", "libsecret-1-0")
    kinds = ("plain",)
    expected: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    def commands(self, site: Site) -> list[Command]:
        """See ``PeerServer``."""
        words = (
            self.root / "usr/bin/msmtpd",
            f"--port={site.ports['plain']}",
            f"--log={site.directory}/msmtpd.log",
            "--command=cat >/dev/null; true",
        )
        return [Command(words, self.environment)]


class Qpsmtpd(PeerServer):
    """qpsmtpd with its plug-ins for TLS and logins."""

    name = "qpsmtpd"
    packages = (
        "qpsmtpd",
        "libdigest-hmac-perl",
        "libio-socket-ssl-perl",
        "libmail-spf-perl",
        "libmailtools-perl",
        "libnet-dns-perl",
        "libnet-ip-perl",
        "libnet-ssleay-perl",
        "libtimedate-perl",
        "libio-socket-inet6-perl",
        "libsocket6-perl",
        "libclone-perl",
        "libnetaddr-ip-perl",
        "liberror-perl",
        "libipc-shareable-perl",
        "libclamav-client-perl",
    )
    kinds = ("start_tls",)
    expected: ClassVar[Mapping[str, tuple[str, ...]]] = {
        **dict.fromkeys(
            (
                "good verdict",
                "recheck that logs in",
                "recheck that connects",
                "wrong password",
                "refused certificate",
            ),
            ("(unrecognized_command)",),  # the name of its hook for STARTTLS
        ),
        "wrong smtpType: TLS to a plaintext port": (
            *("500 Unrecognized command",) * 8,
            *("Lost connection to client",) * 8,
        ),
    }

    def commands(self, site: Site) -> list[Command]:
        """See ``PeerServer``."""
        authority = site.write("ca.pem", site.ca_pem)
        configuration = {
            "plugins": f"tls {site.certificate} {site.key} {authority}\nauth/auth_flat_file\naccept\n",
            "plugin_dirs": f"{site.directory}/plugins\n{self.root}/usr/share/qpsmtpd/plugins\n",
            "flat_auth_pw": f"{USER}:{PASSWORD}\n",
            "logging": "logging/warn 6\n",
            "loglevel": "6\n",
            "me": "localhost\n",
            "spool_dir": f"{site.directory}/spool\n",
        }
        for name, text in configuration.items():
            site.write(f"config/{name}", text)
        site.write("plugins/accept", _QUEUE)
        (site.directory / "spool").mkdir(mode=0o700)
        folders = [*self.root.glob("usr/share/perl5"), *self.root.glob("usr/lib/*/perl5/*")]
        words: tuple[str | Path, ...] = (
            program("perl"),
            "-T",
            *(f"-I{folder}" for folder in folders),
            self.root / "usr/bin/qpsmtpd-forkserver",
            *("--listen-address", "127.0.0.1", "--port", str(site.ports["start_tls"]), "--user", "root"),
        )
        environment = {**self.environment, "QPSMTPD_CONFIG": str(site.directory / "config")}
        return [Command(words, environment)]
