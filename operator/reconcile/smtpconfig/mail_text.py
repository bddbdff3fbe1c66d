# SPDX-License-Identifier: Apache-2.0
"""Compose the emails that the operator sends, and list their recipients."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from textwrap import wrap
from typing import Final

import idna

from smtp_operator.api.names import SMTP_TEST_KIND
from smtp_operator.api.smtpconfig import Notification, SmtpConfigSpec
from smtp_operator.api.timestamps import from_timestamp
from smtp_operator.api.validation_rules import looks_like_a_link
from smtp_operator.api.verdict import Trigger
from smtp_operator.reconcile.smtpconfig.certificate_expiry import expiry_text
from smtp_operator.reconcile.smtpconfig.notifications import (
    bare_address,
    is_recovery,
    kinds_of_test,
    recipients_of_kind,
)
from smtp_operator.reconcile.smtpconfig.snapshot import Snapshot
from smtp_operator.smtp.request import Recipient

_BECAUSE: Final = {
    Trigger.SPEC_CHANGED: "the settings are new or have changed",
    Trigger.PASSWORD_CHANGED: "the password or its Secret has changed",
    Trigger.DEPENDENCY_CHANGED: "an object that the settings reference has changed",
    Trigger.REQUESTED: "a user requested a test",
    Trigger.RECHECK: "the settings are tested regularly",
    Trigger.RETRY: "the last test failed",
    Trigger.DELIVERY: "the operator checks that emails arrive",
}

_TEST: Final = Notification.TEST_EMAIL
_RECOVERED: Final = Notification.RECOVERED
_ROTATED: Final = Notification.PASSWORD_ROTATED
_CERTIFICATE: Final = Notification.CERTIFICATE_EXPIRING

_TITLES: Final = {
    _CERTIFICATE: "A certificate expires soon",
    _RECOVERED: "Email works again",
    _ROTATED: "The new password works",
    _TEST: "Test email",
}
"""Titles by kind; an email of several kinds has the title of the first."""

_NEWS: Final = {
    _RECOVERED: "The mail server accepts email with these settings again.",
    _ROTATED: "The password has changed, and the mail server accepts the new one.",
}
_WIDTH: Final = 88

_NAME_CHARACTERS: Final = 63
"""Maximum length of an object's name in an email; the object's creator chooses it, not the reader."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TestEmail:
    """An email that the operator sends, and the kinds of notification that it contains."""

    kinds: frozenset[Notification]
    recipients: tuple[Recipient, ...]
    subject: str
    body: str
    message_id: str


def mail_of_test(snapshot: Snapshot, trigger: Trigger, *, cluster_name: str, now: float) -> TestEmail:
    """Return the email that a test sends to prove that the settings work."""
    kinds = kinds_of_test(snapshot, trigger, now)
    return TestEmail(
        kinds=kinds,
        recipients=recipients_of(snapshot.spec, kinds),
        subject=_subject(snapshot, kinds, cluster_name),
        body=_body(snapshot, kinds, cluster_name, because=_BECAUSE[trigger], now=now),
        message_id=message_id(snapshot),
    )


def mail_about(snapshot: Snapshot, kind: Notification, *, cluster_name: str, now: float) -> TestEmail:
    """Return a separate email about this kind, for the recipients that chose it."""
    kinds = frozenset({kind})
    return TestEmail(
        kinds=kinds,
        recipients=recipients_of(snapshot.spec, kinds),
        subject=_subject(snapshot, kinds, cluster_name),
        body=_body(snapshot, kinds, cluster_name, because=None, now=now),
        message_id=_identified(snapshot, kind, snapshot.status.certificate_expiring or ""),
    )


def mail_of_delivery(snapshot: Snapshot, *, cluster_name: str) -> TestEmail:
    """Return an email to ``delivery.address`` alone."""
    kinds = frozenset({_TEST})
    assert snapshot.spec.delivery is not None
    last = snapshot.status.delivery.sent_time if snapshot.status.delivery else None
    return TestEmail(
        kinds=frozenset(),
        recipients=(Recipient(role="delivery", index=0, address=snapshot.spec.delivery.address),),
        subject=_subject(snapshot, kinds, cluster_name),
        body=_body(snapshot, kinds, cluster_name, because=_BECAUSE[Trigger.DELIVERY], now=0.0),
        message_id=_identified(snapshot, Trigger.DELIVERY, last or ""),
    )


def recipients_of(spec: SmtpConfigSpec, kinds: Iterable[Notification]) -> tuple[Recipient, ...]:
    """Return the recipients of an email of these kinds; an address listed twice counts in its first role."""
    recipients: dict[str, Recipient] = {}
    for role, addresses in recipients_of_kind(spec, kinds).items():
        for index, address in enumerate(addresses):
            recipients.setdefault(address.lower(), Recipient(role=role, index=index, address=address))
    return tuple(recipients.values())


def _subject(snapshot: Snapshot, kinds: frozenset[Notification], cluster_name: str) -> str:
    """Return one line that tells the reader where the email comes from."""
    where = f" in cluster {cluster_name}" if cluster_name else ""
    title = next(text for kind, text in _TITLES.items() if kind in kinds)
    return f"{title}: {snapshot.version.kind} {_named(snapshot)}{where}"


def _body(
    snapshot: Snapshot, kinds: frozenset[Notification], cluster_name: str, *, because: str | None, now: float
) -> str:
    """Return plain text: what happened, to which object, since when, and what to do."""
    lines = [
        *_what(snapshot, kinds, is_test=because is not None, now=now),
        "",
        f"{snapshot.version.kind + ':':<11} {_named(snapshot)}",
        *([f"Cluster:    {cluster_name}"] if cluster_name else []),
        f"Server:     {snapshot.spec.server}, port {snapshot.spec.port}, smtpType {snapshot.spec.smtp_type}",
        f"From:       {snapshot.spec.from_}",
        *([_outage(snapshot)] if _RECOVERED in kinds and is_recovery(snapshot) else []),
        *([f"Tested:     because {because}"] if because else []),
        "",
        *_to_do(snapshot, kinds),
    ]
    return "\n".join(lines) + "\n"


def _named(snapshot: Snapshot) -> str:
    """Return namespace and name, shortened and without a host name that a mail program would link."""
    name = snapshot.key.name
    if len(name) > _NAME_CHARACTERS:
        name = name[: _NAME_CHARACTERS - 1] + "…"
    if "." in name and looks_like_a_link(name):
        name = name.replace(".", "[.]")
    return f"{snapshot.key.namespace}/{name}"


def _what(snapshot: Snapshot, kinds: frozenset[Notification], *, is_test: bool, now: float) -> list[str]:
    if _CERTIFICATE in kinds:
        ends = from_timestamp(snapshot.status.certificate_expiring)
        assert ends is not None  # otherwise there is nothing to report
        return wrap(expiry_text(snapshot, snapshot.status, ends=ends, now=now), _WIDTH)
    news = [text for kind, text in _NEWS.items() if kind in kinds]
    return [*news, *(["This email proves that these SMTP settings work."] if is_test else [])]


def _outage(snapshot: Snapshot) -> str:
    ready = snapshot.status.condition("Ready")
    if ready is not None and ready.status == "False":
        return f"Failed:     since {ready.last_transition_time} ({snapshot.status.summary or ready.reason})"
    return f"Failed:     after the last success at {snapshot.status.last_success_time}"


def _to_do(snapshot: Snapshot, kinds: frozenset[Notification]) -> list[str]:
    namespace = snapshot.key.namespace
    if snapshot.version.kind == SMTP_TEST_KIND:
        return [
            "No action needed. A SmtpTest sends at most one email.",
            f"If you did not expect it, ask the admins of namespace {namespace}.",
        ]
    stop = "To stop these emails, ask the admins of namespace"
    how = [
        f"{namespace} to remove your address from spec.recipients",
        "or to change spec.preferredNotifications.",
    ]
    if _RECOVERED in kinds:
        return ["Senders must resend the email that was rejected during the outage.", stop, *how]
    if _CERTIFICATE in kinds:
        return [stop, *how]
    return [f"No action needed. {stop}", *how]


def message_id(snapshot: Snapshot) -> str:
    """Return the Message-ID of a test's email.

    The ID depends only on the object and its state. If the operator is killed between DATA and the status
    write, the repeated test sends the same ID, whatever triggers it, so that mail systems see one email.
    """
    return _identified(snapshot, "", snapshot.request or "")


def _identified(snapshot: Snapshot, why: str, what: str) -> str:
    before = snapshot.status.last_test.start_time if snapshot.status.last_test else ""
    seed = "\n".join([snapshot.version.uid, str(snapshot.generation), why, what, before])
    digest = hashlib.sha256(seed.encode()).hexdigest()[:32]
    return f"<{digest}@{_ascii_domain(bare_address(snapshot.spec.from_))}>"


def _ascii_domain(address: str) -> str:
    domain = address.rpartition("@")[2]
    try:
        return domain if domain.isascii() else idna.encode(domain, uts46=True).decode()
    except idna.IDNAError:
        return "invalid"  # the engine reports what is wrong with the address
