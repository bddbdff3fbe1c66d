# SPDX-License-Identifier: Apache-2.0
"""The samples and their verdicts. The files differ from those of users only in their ports."""

import hashlib
import secrets
import ssl
from dataclasses import dataclass
from pathlib import Path
from string import Template
from textwrap import indent

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.openbao import OpenBao
from smtp_tools.demo.mailbox import PROBE, Mailbox
from smtp_tools.localcluster.ports import free_ports

FOLDER = Path(__file__).parent / "samples"
USERNAME = "mailer@example.com"
REFUSED = "nobody@example.com"


@dataclass(frozen=True)
class Sample:
    """An SmtpConfig, its file, and the expected reason of its Ready condition."""

    name: str
    reason: str

    @property
    def file(self) -> str:
        """The name of its file."""
        return f"{self.name}.yaml"

    @property
    def ready(self) -> str:
        """The expected status of its Ready condition."""
        return "True" if self.reason == "TestEmailSent" else "False"


FROM_VAULT = "works-with-vault"

SAMPLES = (
    Sample("works", "TestEmailSent"),
    Sample(FROM_VAULT, "TestEmailSent"),
    Sample("wrong-password", "AuthenticationFailed"),
    Sample("wrong-tls-type", "PlaintextServer"),
    Sample("wrong-port", "ConnectionRefused"),
    Sample("unknown-host", "HostNotFound"),
    Sample("missing-secret", "SecretNotFound"),
    Sample("refused-recipient", "RecipientsRefused"),
)

CORRECTED = Sample("wrong-tls-type", "TestEmailSent")
ARRIVES = Sample("arrives", "TestEmailSent")
WRONG_LINE, RIGHT_LINE = "  smtpType: TLS", "  smtpType: StartTLS"


def new_password() -> str:
    """Return a random password."""
    return secrets.token_urlsafe(12)


def write_samples(folder: Path, server: MailServer, bao: OpenBao, operator_user: str) -> None:
    """Write all files, for this mail server, vault and operator."""
    (unused,) = free_ports(1)
    values = {
        "PLAIN_PORT": server.plain_port,
        "STARTTLS_PORT": server.starttls_port,
        "TLS_PORT": server.tls_port,
        "FREE_PORT": unused,
        "PASSWORD": server.users[USERNAME],
        "CA": indent(server.ca_pem.strip(), "    "),
        "CA_FINGERPRINT": hashlib.sha256(ssl.PEM_cert_to_DER_cert(server.ca_pem)).hexdigest(),
        "VAULT_URL": bao.url,
        "VAULT_CA": indent(bao.ca_pem.strip(), "    "),
        "OPERATOR": operator_user,
    }
    folder.mkdir()
    for source in FOLDER.glob("*.yaml"):
        (folder / source.name).write_text(Template(source.read_text()).substitute(values))


def write_sample_of_delivery(folder: Path, server: MailServer, mailbox: Mailbox) -> None:
    """Write the file of ``ARRIVES``, for this mail server and mailbox."""
    values = {
        "STARTTLS_PORT": server.starttls_port,
        "PROBE": PROBE,
        "MAILBOX_PORT": mailbox.port,
        "MAILBOX_PASSWORD": mailbox.password,
        "MAILBOX_CA": indent(mailbox.ca_pem.strip(), "    "),
    }
    source = FOLDER / "with-mailbox" / ARRIVES.file
    (folder / ARRIVES.file).write_text(Template(source.read_text()).substitute(values))


def correct(folder: Path) -> None:
    """Correct the one wrong line."""
    file = folder / CORRECTED.file
    text = file.read_text()
    assert text.count(f"{WRONG_LINE}\n") == 1
    file.write_text(text.replace(f"{WRONG_LINE}\n", f"{RIGHT_LINE}\n"))
