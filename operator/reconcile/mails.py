# SPDX-License-Identifier: Apache-2.0
"""What the mails say, and who gets them."""

import hashlib

import idna

from smtp_operator.api.smtpconfig import Notification, SmtpConfigSpec
from smtp_operator.api.verdict import Trigger
from smtp_operator.reconcile.view import View
from smtp_operator.smtp.settings import Recipient, Role

_BECAUSE = {
    Trigger.SPEC_CHANGED: "the settings are new or have changed",
    Trigger.PASSWORD_CHANGED: "the password or its Secret has changed",
    Trigger.DEPENDENCY_CHANGED: "a certificate that the settings name has changed",
    Trigger.REQUESTED: "somebody asked for a test",
    Trigger.RECHECK: "the settings are tested from time to time",
    Trigger.RETRY: "the last test had failed",
}


def recipients_of(spec: SmtpConfigSpec) -> tuple[Recipient, ...]:
    """Who gets the test mail: cc and bcc only where ``preferredNotifications`` lists TestEmail.

    An address that stands twice gets one mail, in its first role.
    """
    lists: list[tuple[Role, list[str]]] = [("to", list(spec.recipients.to) or [bare_address(spec.from_)])]
    if Notification.TEST_EMAIL in spec.preferred_notifications:
        lists += [("cc", list(spec.recipients.cc)), ("bcc", list(spec.recipients.bcc))]
    recipients: dict[str, Recipient] = {}
    for role, addresses in lists:
        for index, address in enumerate(addresses):
            recipients.setdefault(address.lower(), Recipient(role=role, index=index, address=address))
    return tuple(recipients.values())


def bare_address(from_: str) -> str:
    """``spec.from`` without its display name."""
    return from_.rpartition("<")[2].removesuffix(">").strip()


def subject(view: View, *, cluster_name: str) -> str:
    """One line that tells a mailbox's owner where the mail is from."""
    where = f" in cluster {cluster_name}" if cluster_name else ""
    return f"Test mail: SmtpConfig {view.key}{where}"


def body(view: View, trigger: Trigger, *, cluster_name: str) -> str:
    """Plain text: what was tested, why, and that nothing is to be done."""
    lines = [
        "This mail was sent to prove that these mail settings work.",
        "",
        f"SmtpConfig: {view.key}",
        *([f"Cluster:    {cluster_name}"] if cluster_name else []),
        f"Server:     {view.spec.server}, port {view.spec.port}, smtpType {view.spec.smtp_type}",
        f"From:       {view.spec.from_}",
        f"Tested:     since {_BECAUSE[trigger]}",
        "",
        "There is nothing for you to do. To get no more of these mails, ask the owners of namespace",
        f"{view.key.namespace} to take your address out of spec.recipients, or to choose other",
        "preferredNotifications.",
    ]
    return "\n".join(lines) + "\n"


def message_id(view: View, trigger: Trigger) -> str:
    """The Message-ID of a test's mail.

    It depends on nothing but the object, its state and the trigger, so that a test which is repeated because
    the operator was killed between DATA and status sends the same one, and mail systems see one mail.
    """
    before = view.status.last_test.start_time if view.status.last_test else ""
    seed = "\n".join([view.tested.uid, str(view.generation), trigger, view.request or "", before])
    digest = hashlib.sha256(seed.encode()).hexdigest()[:32]
    return f"<{digest}@{_ascii_domain(bare_address(view.spec.from_))}>"


def _ascii_domain(address: str) -> str:
    domain = address.rpartition("@")[2]
    try:
        return domain if domain.isascii() else idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        return "invalid"  # the engine says what is wrong with the address
