# SPDX-License-Identifier: Apache-2.0
"""Programs that end TLS in front of a mail server: stunnel, HAProxy and nginx."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Final

from smtp_testkit.realpeers.peers import PASSWORD, USER
from smtp_testkit.realpeers.servers.go_servers import GoSmtp
from smtp_testkit.realpeers.servers.server import Command, PeerServer, Site
from smtp_tools.localcluster.ports import free_ports

_STUNNEL: Final = """\
foreground = yes
pid =
output = {folder}/stunnel.log
syslog = no
[smtps]
accept = 127.0.0.1:{tls}
connect = 127.0.0.1:{backend}
cert = {folder}/cert.pem
key = {folder}/key.pem
"""
_HAPROXY: Final = """\
global
  log stdout format raw daemon
defaults
  mode tcp
  log global
  option tcplog
  timeout connect 10s
  timeout client 60s
  timeout server 60s
listen smtps
  bind 127.0.0.1:{tls} ssl crt {folder}/both.pem
  server backend 127.0.0.1:{backend}
"""
_NGINX: Final = """\
daemon off;
master_process off;
user root;
pid {folder}/nginx.pid;
error_log stderr info;
load_module {root}/usr/lib/nginx/modules/ngx_mail_module.so;
events {{ worker_connections 64; }}
mail {{
  server_name localhost;
  auth_http 127.0.0.1:{decider}/;
  ssl_certificate {folder}/cert.pem;
  ssl_certificate_key {folder}/key.pem;
  smtp_auth plain login;
  proxy_smtp_auth on;
  xclient off;
  server {{ listen 127.0.0.1:{start_tls}; protocol smtp; starttls only; }}
  server {{ listen 127.0.0.1:{tls} ssl; protocol smtp; }}
}}
"""
_DECIDER: Final = """\
import http.server, os, sys
from urllib.parse import unquote

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        given = unquote(self.headers["Auth-User"]), unquote(self.headers["Auth-Pass"])
        right = given == (os.environ["USERNAME"], os.environ["PASSWORD"])
        self.send_response(200)
        self.send_header("Auth-Status", "OK" if right else "Invalid login or password")
        self.send_header("Auth-Error-Code", "535 5.7.8")
        self.send_header("Auth-Server", "127.0.0.1")
        self.send_header("Auth-Port", sys.argv[2])
        self.end_headers()

    def log_message(self, *_):
        pass

http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"""
"""The server that nginx asks whether a login is right, and which backend to use."""


class Frontend(PeerServer):
    """A program that ends TLS in front of a server of go-smtp; the log is only that of the frontend."""

    kinds: ClassVar[tuple[str, ...]] = ("tls",)
    log_name: ClassVar[str] = "output.log"

    def __init__(self) -> None:
        self._backend = GoSmtp()

    def fetch(self) -> None:
        """See ``PeerServer``."""
        super().fetch()
        self._backend.fetch()

    def backend(self, site: Site) -> tuple[int, Command]:
        """Return the port of the backend, and its command, which logs to another file."""
        plain, secure = free_ports(2)
        (command,) = self._backend.commands(
            Site(site.directory, site.ca_pem, {"start_tls": plain, "tls": secure})
        )
        quiet = ("sh", "-c", 'exec "$@" >/dev/null 2>&1', "sh", *command.words, "-insecure-auth")
        return plain, Command(quiet, command.environment, (plain,))

    def logs(self, site: Site) -> list[Path]:
        """See ``PeerServer``."""
        return [site.directory / self.log_name]


class Stunnel(Frontend):
    """stunnel of Debian."""

    name = "stunnel"
    packages = ("stunnel4",)
    log_name = "stunnel.log"
    expected: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "refused certificate, implicit TLS": ("alert unknown ca", "Connection reset/closed"),
        "wrong smtpType: StartTLS to a TLS port": ("unexpected eof", "Connection reset/closed"),
    }

    def commands(self, site: Site) -> list[Command]:
        """See ``PeerServer``."""
        port, command = self.backend(site)
        text = _STUNNEL.format(folder=site.directory, tls=site.ports["tls"], backend=port)
        file = site.write("stunnel.conf", text)
        return [command, Command((self.root / "usr/bin/stunnel4", file), self.environment)]


class HaProxy(Frontend):
    """HAProxy of Debian."""

    name = "HAProxy"
    packages = ("haproxy", "liblua5.3-0", "libopentracing-c-wrapper0", "libopentracing1")
    expected: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "refused certificate, implicit TLS": ("SSL handshake failure",),
        "wrong smtpType: StartTLS to a TLS port": ("Connection closed during SSL handshake",),
    }

    def commands(self, site: Site) -> list[Command]:
        """See ``PeerServer``."""
        port, command = self.backend(site)
        site.write("both.pem", site.certificate.read_text() + site.key.read_text())
        text = _HAPROXY.format(folder=site.directory, tls=site.ports["tls"], backend=port)
        file = site.write("haproxy.cfg", text)
        return [command, Command((self.root / "usr/sbin/haproxy", "-db", "-f", file), self.environment)]


class Nginx(Frontend):
    """nginx of Debian as a mail proxy, which answers EHLO and AUTH itself."""

    name = "nginx"
    kinds = ("start_tls", "tls")
    packages = ("nginx", "libnginx-mod-mail")
    expected: ClassVar[Mapping[str, tuple[str, ...]]] = {
        # It closes the connection after a refused login, while QUIT is on its way.
        "wrong password": ("application data after close notify",),
        "refused certificate": ("alert unknown ca",),
        "refused certificate, implicit TLS": ("alert unknown ca",),
        "wrong smtpType: StartTLS to a TLS port": ("peer closed connection",),
    }

    def commands(self, site: Site) -> list[Command]:
        """See ``PeerServer``."""
        port, command = self.backend(site)
        (decider,) = free_ports(1)
        text = _NGINX.format(folder=site.directory, root=self.root, decider=decider, **site.ports)
        file = site.write("nginx.conf", text)
        script = site.write("decider.py", _DECIDER)
        decides = Command(
            (sys.executable, script, str(decider), str(port)),
            {"USERNAME": USER, "PASSWORD": PASSWORD},
            (decider,),
        )
        words = (self.root / "usr/sbin/nginx", "-p", site.directory, "-c", file, "-e", "stderr")
        return [command, decides, Command(words, self.environment)]
