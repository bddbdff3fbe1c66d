# SPDX-License-Identifier: Apache-2.0
"""OpenDKIM and OpenDMARC of Debian, unpacked and not installed, and NSD with the records that they read.

A relay signs emails with DKIM. A receiver, ``RECEIVER``, verifies SPF, DKIM and DMARC.
"""

import contextlib
import random
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from smtp_testkit.realpeers.authoritative import nsd, wait_until_ready
from smtp_testkit.realpeers.name_servers import using_name_server
from smtp_testkit.realpeers.servers.packages import libraries, unpacked
from smtp_tools.localcluster.ports import free_ports
from smtp_tools.localcluster.processes import Process

PACKAGES: Final = (
    "opendkim",
    "opendmarc",
    "libopendkim11",
    "libopendmarc2",
    "libmilter1.0.1",
    "libopendbx1",
    "libmemcached11",
    "libhashkit2",
    "liblua5.3-0",
    "libvbr2",
    "librbl1",
    "libspf2-2",
    "libunbound8",
    "libevent-2.1-7",
    "libldap-2.5-0",
    "libbsd0",
    "libmd0",
)
RECEIVER: Final = "mx.test.example"
"""Host name and authserv-id of the receiver."""
RELAY_ADDRESS: Final = "192.0.2.10"
"""The address that the relay has for the receiver."""

SIGNED: Final = "signed.example"
"""A domain with good records: SPF has the relay, and the relay signs."""
FORWARDED: Final = "forwarded.example"
"""The relay signs for this domain, but SPF does not have the relay."""
UNSIGNED: Final = "unsigned.example"
"""The relay does not sign for this domain, and SPF does not have the relay."""
WRONG_KEY: Final = "wrong-key.example"
"""The relay signs for this domain, but DNS has another key."""

_SELECTOR: Final = "mail"
_SIGNER: Final = """\
Syslog no
Mode s
Domain {domains}
Selector {selector}
KeyFile {folder}/dkim.pem
RequireSafeKeys no
Canonicalization relaxed/relaxed
InternalHosts 127.0.0.1
Socket inet:{port}@127.0.0.1
"""
_VERIFIER: Final = """\
Syslog no
Mode v
InternalHosts 203.0.113.1
AlwaysAddARHeader yes
SoftwareHeader yes
Nameservers {names}
ResolverConfiguration {folder}/unbound.conf
Socket inet:{port}@127.0.0.1
"""
_UNBOUND: Final = "server:\n  do-not-query-localhost: no\n  module-config: iterator\n"
_JUDGE: Final = """\
Syslog no
IgnoreHosts {folder}/ignored
SPFSelfValidate yes
SoftwareHeader yes
Socket inet:{port}@127.0.0.1
"""


@dataclass(frozen=True)
class Milters:
    """The ports of running mail filters."""

    signer: int
    """OpenDKIM of the relay."""
    verifier: int
    """OpenDKIM of the receiver."""
    judge: int
    """OpenDMARC of the receiver, which also checks SPF."""


@contextlib.contextmanager
def milters(folder: Path) -> Iterator[Milters]:
    """Run the filters and their name server within the context.

    Raises:
        NeedsTools: the programs cannot be had here.
    """
    root = unpacked(PACKAGES)
    key = rsa.generate_private_key(65537, 2048)
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    (folder / "dkim.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.TraditionalOpenSSL, plain)
    )
    # OpenDMARC always asks port 53, so NSD has a separate address of this machine.
    names = f"127.{random.randrange(64, 255)}.{random.randrange(255)}.{random.randrange(1, 255)}"
    ports = Milters(*free_ports(3))
    values = {"folder": folder, "names": names, "selector": _SELECTOR}
    signer = _SIGNER.format(port=ports.signer, domains=f"{SIGNED},{FORWARDED},{WRONG_KEY}", **values)
    (folder / "signer.conf").write_text(signer)
    (folder / "verifier.conf").write_text(_VERIFIER.format(port=ports.verifier, **values))
    (folder / "judge.conf").write_text(_JUDGE.format(port=ports.judge, **values))
    (folder / "unbound.conf").write_text(_UNBOUND)
    (folder / "ignored").write_text("203.0.113.1\n")
    opendkim, opendmarc = root / "usr/sbin/opendkim", root / "usr/sbin/opendmarc"
    commands: dict[int, tuple[str | Path, ...]] = {
        ports.signer: (opendkim, "-f", "-x", folder / "signer.conf"),
        ports.verifier: (opendkim, "-f", "-x", folder / "verifier.conf"),
        ports.judge: (
            *using_name_server(folder, names, "ndots:1 timeout:2"),
            opendmarc,
            "-f",
            "-c",
            folder / "judge.conf",
        ),
    }
    environment = {"LD_LIBRARY_PATH": libraries(root), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    with contextlib.ExitStack() as running:
        running.enter_context(nsd(_zones(key.public_key()), address=names, port=53))
        for port, command in commands.items():
            log = folder / f"milter-{port}.log"
            process = Process(command, name="a mail filter", log=log, environment=environment)
            running.callback(process.kill)  # libmilter takes 5 s to stop, and keeps nothing
        for port in commands:
            wait_until_ready("a mail filter", "127.0.0.1", port, folder / f"milter-{port}.log")
        yield ports


def _zones(key: rsa.RSAPublicKey) -> dict[str, str]:
    """Return the records of each sender domain."""
    other = rsa.generate_private_key(65537, 2048).public_key()
    listed, unlisted = f"v=spf1 ip4:{RELAY_ADDRESS} -all", "v=spf1 -all"
    return {
        SIGNED: _records(listed, key),
        FORWARDED: _records(unlisted, key),
        UNSIGNED: _records(unlisted, None),
        WRONG_KEY: _records(unlisted, other),
    }


def _records(spf: str, key: rsa.RSAPublicKey | None) -> str:
    records = f'@ TXT "{spf}"\n_dmarc TXT "v=DMARC1; p=reject"\n'
    if key is None:
        return records
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    text = f"v=DKIM1; k=rsa; p={b64encode(key.public_bytes(serialization.Encoding.DER, form)).decode()}"
    pieces = " ".join(f'"{text[it : it + 200]}"' for it in range(0, len(text), 200))
    return f"{records}{_SELECTOR}._domainkey TXT {pieces}\n"
