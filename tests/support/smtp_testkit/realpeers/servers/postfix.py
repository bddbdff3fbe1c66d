# SPDX-License-Identifier: Apache-2.0
"""The Postfix and Dovecot that are installed, and Dovecot's submission server."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar, Final

from smtp_testkit.realpeers.peers import PASSWORD, USER, RealPeers
from smtp_testkit.realpeers.servers.go_servers import GoSmtp
from smtp_testkit.realpeers.servers.server import Command, PeerServer, Served, Site
from smtp_testkit.realpeers.tools import program
from smtp_tools.localcluster.ports import free_ports

_DOVECOT: Final = """\
base_dir = {directory}/run
state_dir = {directory}/state
log_path = {directory}/dovecot.log
protocols = submission
hostname = mail.test.example
ssl = required
ssl_cert = <{directory}/cert.pem
ssl_key = <{directory}/key.pem
auth_mechanisms = plain
auth_failure_delay = 0
passdb {{
  driver = passwd-file
  args = username_format=%u {directory}/users
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={directory}/home
}}
mail_location = maildir:~/mail
submission_relay_host = 127.0.0.1
submission_relay_port = {relay}
submission_relay_ssl = starttls
submission_relay_ssl_verify = no
submission_relay_user = {user}
submission_relay_password = {password}
service submission-login {{
  executable = {programs}/submission-login
  inet_listener submission {{
    address = 127.0.0.1
    port = {start_tls}
  }}
  inet_listener submissions {{
    address = 127.0.0.1
    port = {tls}
    ssl = yes
  }}
}}
service submission {{
  executable = {programs}/submission
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
"""


class Postfix(PeerServer):
    """Postfix with Dovecot for logins; it runs once for all scenarios."""

    name = "Postfix"
    kinds = ("start_tls", "tls", "plain", "slow")
    _ports: ClassVar[Mapping[str, str]] = {
        "start_tls": "submission",
        "tls": "smtps",
        "plain": "relay",
        "slow": "slow",
    }
    expected: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "refused certificate": ("SSL_accept error", "alert unknown ca", "lost connection after STARTTLS"),
        "refused certificate, implicit TLS": ("SSL_accept error", "alert unknown ca", "lost connection"),
        "wrong smtpType: TLS to a plaintext port": ("command pipelining", "lost connection"),
        "wrong smtpType: StartTLS to a TLS port": ("SSL_accept error", "lost connection after CONNECT"),
        "wrong smtpType: TLS without TLS": ("command pipelining", "lost connection"),
        # the greeting ends the second look, which has not got one
        "second look at a slow greeting": ("lost connection after CONNECT",),
    }

    def __init__(self) -> None:
        self._peers: RealPeers | None = None

    @contextlib.contextmanager
    def session(self) -> Iterator[None]:
        """See ``PeerServer``."""
        with RealPeers.start() as self._peers:
            yield

    @contextlib.contextmanager
    def serve(self) -> Iterator[Served]:
        """See ``PeerServer``."""
        peers = self._peers
        assert peers is not None
        before = len(peers.log)
        served = Served({kind: peers.ports[port] for kind, port in self._ports.items()}, peers.ca_pem)
        yield served
        peers.wait_until_at_rest()
        served.log = peers.log[before:]

    def commands(self, site: Site) -> list[Command]:
        """Return nothing: ``session`` starts Postfix."""
        return []


class DovecotSubmission(PeerServer):
    """Dovecot's submission server, which relays to a server of go-smtp."""

    name = "Dovecot"
    packages = ("dovecot-submissiond",)
    expected: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "refused certificate": ("alert unknown ca",),
        "refused certificate, implicit TLS": ("alert unknown ca",),
    }

    def __init__(self) -> None:
        self._relay = GoSmtp()

    def fetch(self) -> None:
        """See ``PeerServer``."""
        super().fetch()
        self._relay.fetch()

    def commands(self, site: Site) -> list[Command]:
        """See ``PeerServer``."""
        relay, other = free_ports(2)
        for name in ("run", "state", "home"):
            (site.directory / name).mkdir()
        (site.directory / "home").chmod(0o777)
        site.write("users", f"{USER}:{{PLAIN}}{PASSWORD}::::::\n")
        text = _DOVECOT.format(
            directory=site.directory,
            programs=self.root / "usr/lib/dovecot",
            relay=relay,
            user=USER,
            password=PASSWORD,
            **site.ports,
        )
        file = site.write("dovecot.conf", text)
        relaying = Site(site.directory, site.ca_pem, {"start_tls": relay, "tls": other})
        return [*self._relay.commands(relaying), Command((program("dovecot"), "-F", "-c", file))]

    def logs(self, site: Site) -> list[Path]:
        """See ``PeerServer``."""
        return [site.directory / "dovecot.log"]
