# SPDX-License-Identifier: Apache-2.0
"""Sendmail of Debian."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Final

from smtp_testkit.realpeers.peers import PASSWORD, USER
from smtp_testkit.realpeers.servers.server import Command, PeerServer, Site, isolated
from smtp_testkit.realpeers.tools import program

_USERS: Final = {"smmta": 61_010, "smmsp": 61_011}
_CONFIGURATION: Final = """\
divert(-1)
define(`_CF_DIR_', `{root}/usr/share/sendmail/cf/')
include(`{root}/usr/share/sendmail/cf/m4/cf.m4')
divert(0)
OSTYPE(`linux')
FEATURE(`no_default_msa')
FEATURE(`accept_unresolvable_domains')
FEATURE(`nocanonify')
DAEMON_OPTIONS(`Port={start_tls}, Addr=127.0.0.1, Name=MTA')
DAEMON_OPTIONS(`Port={tls}, Addr=127.0.0.1, Name=MTAS, M=s')
TRUST_AUTH_MECH(`PLAIN LOGIN')
define(`confAUTH_MECHANISMS', `PLAIN LOGIN')
define(`confAUTH_OPTIONS', `p')
define(`confSERVER_CERT', `{folder}/cert.pem')
define(`confSERVER_KEY', `{folder}/server.key')
define(`confCACERT', `{folder}/ca.pem')
define(`confCACERT_PATH', `{folder}')
define(`confTLS_SRV_OPTIONS', `V')
define(`confDOMAIN_NAME', `mail.test.example')
define(`confDELIVERY_MODE', `queueonly')
define(`confLOG_LEVEL', `15')
define(`confTO_IDENT', `0')
define(`confDONT_BLAME_SENDMAIL', `TrustStickyBit')
define(`QUEUE_DIR', `{folder}/queue')
define(`confPID_FILE', `{folder}/sendmail.pid')
define(`STATUS_FILE', `{folder}/statistics')
define(`HELP_FILE', `{folder}/helpfile')
define(`ALIAS_FILE', `{folder}/aliases')
MAILER(`smtp')
"""
_SYSLOG: Final = """\
import pathlib, socket, sys
with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
    log.bind(sys.argv[1])
    pathlib.Path(sys.argv[1]).chmod(0o666)
    while True:
        print(log.recv(8192).decode(errors="replace"), flush=True)
"""
"""A syslog daemon that prints what it receives."""


_NO_EMAIL: Final = "did not issue MAIL"
_START: Final = (
    'hostname mail.test.example && cp "$0/../Sendmail.conf" /usr/lib/sasl2'
    ' && cp -a /dev/null /dev/zero /dev/urandom /dev/random "$0" && ln -s "$0.socket" "$0/log"'
    ' && mount --bind "$0" /dev && exec "$@"'
)
"""Start a command that has a qualified host name, its SASL configuration, and our syslog daemon."""
_SASL: Final = """\
pwcheck_method: auxprop
auxprop_plugin: sasldb
sasldb_path: {folder}/sasldb2
mech_list: PLAIN LOGIN
"""


class Sendmail(PeerServer):
    """Sendmail, which queues every email."""

    name = "Sendmail"
    packages = (
        "sendmail-bin",
        "sendmail-cf",
        "sendmail-base",
        "m4",
        "libsigsegv2",
        "libwrap0",
        "libnsl2",
        "sasl2-bin",
        "libsasl2-modules",
        "libsasl2-modules-db",
    )
    expected: ClassVar[Mapping[str, tuple[str, ...]]] = {
        # It complains of each session without an email.
        "recheck that logs in": (_NO_EMAIL,),
        "recheck that connects": (_NO_EMAIL,),
        "wrong password": (_NO_EMAIL,),
        "refused certificate": (*("alert unknown ca",) * 2, *(_NO_EMAIL,) * 2),
        "refused certificate, implicit TLS": (*("alert unknown ca",) * 2, *(_NO_EMAIL,) * 2),
        "wrong smtpType: TLS to a plaintext port": (
            *("Command unrecognized",) * 10,
            "Lost input channel",
            *(_NO_EMAIL,) * 2,
        ),
        "wrong smtpType: StartTLS to a TLS port": (*("unexpected eof",) * 2, *(_NO_EMAIL,) * 2),
    }

    def commands(self, site: Site) -> list[Command]:
        """See ``PeerServer``."""
        folder = site.directory
        (folder / "queue").mkdir(mode=0o700)
        for name in ("helpfile", "aliases", "statistics"):
            site.write(name, "")
        source = site.write("sendmail.mc", _CONFIGURATION.format(root=self.root, folder=folder, **site.ports))
        site.write("ca.pem", site.ca_pem)
        site.write("server.key", site.key.read_text(), mode=0o600)
        site.write("Sendmail.conf", _SASL.format(folder=folder))
        user, domain = USER.split("@")
        add = (self.root / "usr/sbin/saslpasswd2", "-p", "-c", "-f", folder / "sasldb2", "-u", domain, user)
        subprocess.run(add, env=self.environment, input=PASSWORD, text=True, check=True)
        made = subprocess.run(
            (self.root / "usr/bin/m4", source),
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        configuration = site.write("sendmail.cf", made.stdout)
        devices = folder / "dev"
        devices.mkdir()
        script = site.write("syslog.py", _SYSLOG)
        prefix = isolated(site, _USERS, empty=("/usr/lib/sasl2",))
        words: tuple[str | Path, ...] = (
            *prefix,
            *(program("unshare"), "--uts", "sh"),
            "-c",
            _START,
            devices,
            self.root / "usr/libexec/sendmail/sendmail",
            "-bD",
            f"-C{configuration}",
        )
        log = Command((sys.executable, script, f"{devices}.socket"))
        (plugins,) = self.root.glob("usr/lib/*/sasl2")
        return [log, Command(words, {**self.environment, "SASL_PATH": str(plugins)})]
