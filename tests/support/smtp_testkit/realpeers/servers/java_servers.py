# SPDX-License-Identifier: Apache-2.0
"""GreenMail, a server for tests in Java, from Maven."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, Final

from smtp_testkit.realpeers.peers import PASSWORD, USER
from smtp_testkit.realpeers.servers.packages import cache_folder
from smtp_testkit.realpeers.servers.server import Command, PeerServer, Site
from smtp_testkit.realpeers.tools import NeedsTools, program

_STORE: Final = "changeit"
"""The password of the file with certificate and key."""
_START: Final = "Starting GreenMail"
"""First line of the log, which names timeouts."""


class GreenMail(PeerServer):
    """GreenMail, which has no STARTTLS."""

    name = "GreenMail"
    kinds = ("tls", "plain")
    omitted = frozenset({"no login offered, plaintext"})
    expected: ClassVar[Mapping[str, tuple[str, ...]]] = {
        **dict.fromkeys(
            (
                "good verdict, implicit TLS",
                "good verdict, plaintext",
                "recheck that connects, plaintext",
                "wrong smtpType: StartTLS without TLS",
                "wrong smtpType: TLS without TLS",
            ),
            (_START,),
        ),
        # OpenSSL sends the alert in plaintext, after the server has begun to encrypt
        "refused certificate, implicit TLS": (_START, *("Insufficient buffer remaining",) * 4),
        "wrong smtpType: StartTLS to a TLS port": (_START, *("Remote host terminated",) * 4),
    }
    _release: ClassVar[str] = "greenmail-standalone-2.1.3"

    def fetch(self) -> None:
        """See ``PeerServer``."""
        if self._program.is_file():
            return
        artifact = "com.icegreen:" + self._release.replace("-2.", ":2.")
        plugin = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"
        words = ("-q", "-B", plugin, f"-Dartifact={artifact}", f"-DoutputDirectory={self._program.parent}")
        done = subprocess.run(
            (program("mvn"), *words), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise NeedsTools(f"mvn cannot get {artifact}: {done.stdout[-300:]}")

    @property
    def _program(self) -> Path:
        return cache_folder() / "maven" / f"{self._release}.jar"

    def commands(self, site: Site) -> list[Command]:
        """See ``PeerServer``."""
        store = site.directory / "store.p12"
        export = ("pkcs12", "-export", "-in", site.certificate, "-inkey", site.key, "-out", store)
        subprocess.run((program("openssl"), *export, "-passout", f"pass:{_STORE}"), check=True)
        name, domain = USER.split("@")
        settings = {
            "smtp.hostname": "127.0.0.1",
            "smtp.port": site.ports["plain"],
            "smtps.hostname": "127.0.0.1",
            "smtps.port": site.ports["tls"],
            "tls.keystore.file": store,
            "tls.keystore.password": _STORE,
            "users": f"{name}:{PASSWORD}@{domain}",
            "users.login": "email",
        }
        options = (f"-Dgreenmail.{key}={value}" for key, value in settings.items())
        return [Command((program("java"), *options, "-jar", self._program))]
