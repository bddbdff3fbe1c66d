# SPDX-License-Identifier: Apache-2.0
"""Servers of `make test-peers-all`: libraries in Python and Node.js."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Final

from smtp_testkit.realpeers.peers import PASSWORD, USER
from smtp_testkit.realpeers.servers.packages import cache_folder
from smtp_testkit.realpeers.servers.server import Command, PeerServer, Site
from smtp_testkit.realpeers.tools import NeedsTools, program

_AIOSMTPD: Final = """\
import logging, os, ssl, sys, threading
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from aiosmtpd.handlers import Sink

def authenticate(server, session, envelope, mechanism, data):
    right = (data.login, data.password) == (os.environ["USERNAME"].encode(), os.environ["PASSWORD"].encode())
    return AuthResult(success=right, handled=False)

logging.basicConfig(level=logging.WARNING)
folder, plain, secure = sys.argv[1:]
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(f"{folder}/cert.pem", f"{folder}/key.pem")
common = {"hostname": "127.0.0.1", "authenticator": authenticate, "auth_required": True}
Controller(Sink(), port=int(plain), tls_context=context, require_starttls=True, **common).start()
Controller(Sink(), port=int(secure), ssl_context=context, auth_require_tls=False, **common).start()
threading.Event().wait()
"""
_NODE: Final = """\
const {SMTPServer} = require(process.env.MODULES + '/smtp-server');
const fs = require('fs');
const [folder, plain, secure] = process.argv.slice(2);
const options = {
  key: fs.readFileSync(folder + '/key.pem'), cert: fs.readFileSync(folder + '/cert.pem'),
  disableReverseLookup: true,
  onAuth: (auth, session, done) =>
    auth.username === process.env.USERNAME && auth.password === process.env.PASSWORD
      ? done(null, {user: auth.username}) : done(new Error('Invalid username or password')),
  onData: (stream, session, done) => { stream.on('end', () => done()); stream.resume(); },
};
for (const [port, tls] of [[plain, false], [secure, true]]) {
  const server = new SMTPServer({...options, secure: tls});
  server.on('error', error => console.log('error:', error.message));
  server.listen(Number(port), '127.0.0.1');
}
"""


class Aiosmtpd(PeerServer):
    """aiosmtpd, which is installed for the tests."""

    name = "aiosmtpd"
    expected: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "refused certificate": ("alert unknown ca",),
    }

    def commands(self, site: Site) -> list[Command]:
        """See ``PeerServer``."""
        script = site.write("server.py", _AIOSMTPD)
        words = (sys.executable, script, site.directory, str(site.ports["start_tls"]), str(site.ports["tls"]))
        return [Command(words, {"USERNAME": USER, "PASSWORD": PASSWORD})]


class SmtpServer(PeerServer):
    """smtp-server of Nodemailer, from npm."""

    name = "smtp-server"
    expected: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    _release: ClassVar[str] = "smtp-server@3.21.6"

    def fetch(self) -> None:
        """See ``PeerServer``."""
        if not (self._modules / "smtp-server").is_dir():
            install(self._release, self._modules.parent)

    @property
    def _modules(self) -> Path:
        return cache_folder() / "npm" / self._release / "node_modules"

    def commands(self, site: Site) -> list[Command]:
        """See ``PeerServer``."""
        script = site.write("server.js", _NODE)
        words = (
            program("node"),
            script,
            site.directory,
            str(site.ports["start_tls"]),
            str(site.ports["tls"]),
        )
        variables = {"MODULES": str(self._modules), "USERNAME": USER, "PASSWORD": PASSWORD}
        return [Command(words, variables)]


def install(release: str, folder: Path) -> None:
    """Install a package of npm in a folder.

    Raises:
        NeedsTools: Node.js is missing, or the package.
    """
    folder.mkdir(parents=True, exist_ok=True)
    command = (program("npm"), "install", "--no-audit", "--no-fund", "--prefix", folder, release)
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise NeedsTools(f"npm install {release} failed: {done.stderr[-300:]}")
