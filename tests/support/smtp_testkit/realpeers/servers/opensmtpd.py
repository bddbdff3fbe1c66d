# SPDX-License-Identifier: Apache-2.0
"""OpenSMTPD of Debian."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Final

from smtp_testkit.realpeers.servers.server import Command, PeerServer, Site, isolated

_USERS: Final = {"opensmtpd": 61_002, "opensmtpq": 61_003}
_CONFIGURATION: Final = """\
table everyone {{ "@" = "nobody" }}
listen on 127.0.0.1 port {plain}
action "drop" mda "/bin/true" virtual <everyone>
match from any for any action "drop"
"""


class OpenSmtpd(PeerServer):
    """OpenSMTPD as a relay without TLS, which fails with Debian 12's OpenSSL 3 (OpenSMTPD issue 1171)."""

    name = "OpenSMTPD"
    packages = ("opensmtpd",)
    kinds = ("plain",)
    expected: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "wrong smtpType: TLS without TLS": ("Pipelining not supported",),
    }

    def commands(self, site: Site) -> list[Command]:
        """See ``PeerServer``."""
        configuration = site.write("smtpd.conf", _CONFIGURATION.format(**site.ports))
        prefix = isolated(
            site,
            _USERS,
            empty=("/run", "/var/lib", "/var/spool"),
            made=("/var/lib/opensmtpd/empty",),
        )
        words: tuple[str | Path, ...] = (*prefix, self.root / "usr/sbin/smtpd", "-d", "-f", configuration)
        return [Command(words, self.environment)]
