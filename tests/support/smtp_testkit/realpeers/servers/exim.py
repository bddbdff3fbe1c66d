# SPDX-License-Identifier: Apache-2.0
"""Exim of Debian, which uses GnuTLS."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Final

from smtp_testkit.realpeers.peers import PASSWORD, USER
from smtp_testkit.realpeers.servers.server import SLOW, Command, PeerServer, Site, isolated

_OWNER: Final = 61_001
_CONFIGURATION: Final = """\
exim_path = {program}
primary_hostname = mail.test.example
spool_directory = {directory}/spool
log_file_path = {directory}/exim-%s.log
pid_file_path = {directory}/exim.pid
local_interfaces = 127.0.0.1
daemon_smtp_ports = {start_tls} : {tls} : {slow}
tls_on_connect_ports = {tls}
tls_advertise_hosts = *
tls_certificate = {directory}/cert.pem
tls_privatekey = {directory}/key.pem
queue_only
pipelining_connect_advertise_hosts =
keep_environment =
acl_smtp_connect = connected
acl_smtp_rcpt = authenticated
log_selector = +smtp_protocol_error +smtp_syntax_error +smtp_incomplete_transaction
begin acl
connected:
  accept condition = ${{if eq{{$received_port}}{{{slow}}}}}
    delay = {seconds}s
  accept
authenticated:
  accept authenticated = *
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_advertise_condition = ${{if def:tls_in_cipher}}
  server_condition = ${{if and{{{{eq{{$auth2}}{{{user}}}}}{{eq{{$auth3}}{{{password}}}}}}}}}
  server_set_id = $auth2
"""


class Exim(PeerServer):
    """Exim as a submission server."""

    name = "Exim"
    packages = ("exim4-daemon-light", "libidn12")
    kinds = ("start_tls", "tls", "slow")
    expected: ClassVar[Mapping[str, tuple[str, ...]]] = {
        # OpenSSL sends the alert in plaintext, after the server has begun to encrypt
        "refused certificate": ("Decryption has failed",),
        "refused certificate, implicit TLS": ("Decryption has failed",),
        # a ClientHello comes before the greeting or after it, as the connection happens to be scheduled
        "wrong smtpType: TLS to a plaintext port": (
            *("SMTP syntax error",) * 4,
            *("SMTP protocol synchronization error",) * 2,
        ),
        "wrong smtpType: StartTLS to a TLS port": ("non-properly terminated",),
    }

    def commands(self, site: Site) -> list[Command]:
        """See ``PeerServer``."""
        program = self.root / "usr/sbin/exim4"
        text = _CONFIGURATION.format(
            program=program,
            directory=site.directory,
            seconds=SLOW,
            user=USER,
            password=PASSWORD,
            **site.ports,
        )
        configuration = site.write("exim.conf", text)
        for file in (site.directory, site.key, site.certificate):
            os.chown(file, _OWNER, _OWNER)
        words: tuple[str | Path, ...] = (
            *isolated(site, {"Debian-exim": _OWNER}),
            program,
            "-bdf",
            "-C",
            configuration,
        )
        return [Command(words, self.environment)]
