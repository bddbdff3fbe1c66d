# SPDX-License-Identifier: Apache-2.0
"""Causes of each reason, with sources, and a message of each, for the pages of reasons."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from smtp_operator.api.reasons import Reason

FOLDER: Final = Path(__file__).parent
FILES: Final = ("kubernetes", "vaults", "network", "dialogue", "senders", "publishing", "delivery")

_MICROSOFT: Final = "https://learn.microsoft.com/en-us"
_SOURCES: Final = {
    "azure": ("Read passwords from Azure Key Vault", "../../how-to/azure-key-vault.md"),
    "azure-port25": (
        "Microsoft: outbound SMTP in Azure",
        f"{_MICROSOFT}/azure/virtual-network/troubleshoot-outbound-smtp-connectivity",
    ),
    "azure-private": (
        "Microsoft: private endpoint DNS",
        f"{_MICROSOFT}/azure/private-link/private-endpoint-dns",
    ),
    "azure-rbac": ("Microsoft: Key Vault RBAC", f"{_MICROSOFT}/azure/key-vault/general/rbac-guide"),
    "azure-secrets": (
        "Microsoft: Key Vault secrets",
        f"{_MICROSOFT}/azure/key-vault/secrets/about-secrets",
    ),
    "azure-throttling": (
        "Microsoft: Key Vault throttling",
        f"{_MICROSOFT}/azure/key-vault/general/overview-throttling",
    ),
    "binding": ("Bind a password to its mail server", "../../how-to/bind-a-password.md"),
    "ca": ("Trust a private CA", "../../how-to/trust-a-private-ca.md"),
    "cyberark": ("Read passwords from CyberArk", "../../how-to/cyberark.md"),
    "delivery": ("Check that email arrives", "../../how-to/check-delivery.md"),
    "entra-errors": (
        "Microsoft: Entra error codes",
        f"{_MICROSOFT}/entra/identity-platform/reference-error-codes",
    ),
    "gmail-app": ("Google: app passwords", "https://support.google.com/accounts/answer/185833"),
    "hashicorp": ("Read passwords from HashiCorp Vault or OpenBao", "../../how-to/hashicorp-vault.md"),
    "limits": ("Restrict where the operator connects", "../../how-to/restrict-destinations.md"),
    "m365-oauth": (
        "Microsoft: OAuth for SMTP",
        f"{_MICROSOFT}/exchange/client-developer/legacy-protocols/"
        "how-to-authenticate-an-imap-pop-smtp-application-by-using-oauth",
    ),
    "m365-smtp-auth": (
        "Microsoft: SMTP AUTH",
        f"{_MICROSOFT}/exchange/clients-and-mobile-in-exchange-online/authenticated-client-smtp-submission",
    ),
    "port25": (
        "Amazon EC2: port 25",
        "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/ec2-resource-limits.html",
    ),
    "postfix-relay": (
        "Postfix: relay access",
        "https://www.postfix.org/SMTPD_ACCESS_README.html",
    ),
    "publish": ("Give applications proven settings", "../../how-to/publish-proven-settings.md"),
    "proxy-protocol": (
        "HAProxy: PROXY protocol",
        "https://www.haproxy.org/download/3.0/doc/proxy-protocol.txt",
    ),
    "once": ("Test before you apply", "../../how-to/test-before-you-apply.md"),
    "report": ("How to report an error", "../../../CONTRIBUTING.md"),
    "sender": ("See what the sender's domain lacks", "../../how-to/sender-authentication.md"),
    "sendgrid": (
        "Twilio SendGrid: SMTP",
        "https://www.twilio.com/docs/sendgrid/for-developers/sending-email/integrating-with-the-smtp-api",
    ),
    "ses-credentials": (
        "Amazon SES: SMTP credentials",
        "https://docs.aws.amazon.com/ses/latest/dg/smtp-credentials.html",
    ),
    "ses-quota": (
        "Amazon SES: quotas",
        "https://docs.aws.amazon.com/ses/latest/dg/manage-sending-quotas-errors.html",
    ),
    "ses-sandbox": (
        "Amazon SES: sandbox",
        "https://docs.aws.amazon.com/ses/latest/dg/request-production-access.html",
    ),
    "ses-verified": (
        "Amazon SES: verified identities",
        "https://docs.aws.amazon.com/ses/latest/dg/verify-addresses-and-domains.html",
    ),
    "status": ("Status", "../status.md"),
    "upgrade": ("Upgrade", "../../how-to/upgrade.md"),
    "vaults": ("Read a password from a vault", "../../how-to/vaults.md"),
}


@dataclass(frozen=True, slots=True)
class Cause:
    """A cause of a reason.

    Attributes:
        cause: What is wrong, in one or two sentences.
        tell: How to recognize it.
        source: Key of a source; see `source_link`.
    """

    cause: str
    tell: str
    source: str


@cache
def causes() -> dict[Reason, tuple[Cause, ...]]:
    """Return the causes of every reason."""
    found: dict[Reason, tuple[Cause, ...]] = {}
    for name in FILES:
        for reason, listed in _read(name).items():
            found[Reason(reason)] = tuple(Cause(**it) for it in listed)
    return found


@cache
def messages() -> dict[Reason, str]:
    """Return one message of every reason, as it appears in a condition."""
    return {Reason(reason): str(text) for reason, text in _read("messages").items()}


def source_link(key: str) -> str:
    """Return a source as a Markdown link.

    A key is `rfcNUMBER#SECTION`, `k8s/PAGE` (concepts), `k8s-ref/PAGE`, `gh:OWNER/NAME#ISSUE`, or a name.
    """
    kind, _, rest = key.partition("/")
    if key.startswith("rfc"):
        number, _, section = key.removeprefix("rfc").partition("#")
        anchor = f"#section-{section}" if section else ""
        words = f"RFC {number}, section {section}" if section else f"RFC {number}"
        return f"[{words}](https://www.rfc-editor.org/rfc/rfc{number}{anchor})"
    if kind in ("k8s", "k8s-ref"):
        folder = "tasks" if rest.startswith("administer-cluster") else "concepts"
        folder = "reference" if kind == "k8s-ref" else folder
        title = rest.rpartition("/")[2].replace("-", " ")
        return f"[Kubernetes: {title}](https://kubernetes.io/docs/{folder}/{rest}/)"
    if key.startswith("gh:"):
        repository, _, issue = key.removeprefix("gh:").partition("#")
        return f"[{repository}#{issue}](https://github.com/{repository}/issues/{issue})"
    title, target = _SOURCES[key]
    return f"[{title}]({target})"


def _read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((FOLDER / f"{name}.yaml").read_text("utf-8"))
    return found
