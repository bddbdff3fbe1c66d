# SPDX-License-Identifier: Apache-2.0
"""Messages of the condition Delivered."""

from typing import Final

from smtp_operator.api.durations import format_duration
from smtp_operator.api.status import DeliveryStatus
from smtp_operator.api.timestamps import to_timestamp
from smtp_operator.api.verdict import Verdict
from smtp_operator.imap.request import Folder
from smtp_operator.reconcile.smtpconfig.notifications import bare_address
from smtp_operator.reconcile.smtpconfig.snapshot import Snapshot
from smtp_operator.sender_authentication.providers import provider_of

SUSPENDED: Final = (
    "Not checked: spec.suspend is true. Set suspend: false to have the operator send emails and look for"
    " them."
)
NO_SCHEDULE: Final = (
    'No email was sent with these settings: delivery.interval is "0s", so only tests send emails. Request a'
    " test, or set delivery.interval: 24h."
)
SOON: Final = "The operator is about to send the first email. No action needed."

DKIM_FAILED: Final = frozenset({"fail", "permerror", "policy"})
"""Results of DKIM that mean an invalid signature."""
_CHECK_SIGNATURE: Final = (
    " Check the DKIM key in DNS, and that no server changes the email after it is signed."
)
_FIELDS: Final = (
    ("Correct or remove the address under recipients", "Correct delivery.address"),
    ("use another address under recipients", "set delivery.address: another address"),
)
"""Fixes of a refused recipient, and what they are for ``delivery.address``."""

_PLACES: Final = {Folder.INBOX: "inbox", Folder.JUNK: "junk folder"}


def address_of(snapshot: Snapshot) -> str:
    """Return ``delivery.address``."""
    assert snapshot.spec.delivery is not None
    return snapshot.spec.delivery.address


def from_domain(snapshot: Snapshot) -> str:
    """Return the domain of the From address."""
    return bare_address(snapshot.spec.from_).rpartition("@")[2]


def waiting(snapshot: Snapshot, deadline: float) -> str:
    """Return the message while the operator looks for the email."""
    return (
        f"The operator looks in the mailbox of {address_of(snapshot)} for the email that it sent, until"
        f" {to_timestamp(deadline)}. No action needed."
    )


def not_ready(snapshot: Snapshot) -> str:
    """Return the message while no test has passed."""
    return f"No email was sent to {address_of(snapshot)}: it is sent as soon as Ready is True."


def not_sent(snapshot: Snapshot, refusal: Verdict) -> str:
    """Return the message on an email that could not be sent."""
    return f"No email was sent to {address_of(snapshot)}: {refusal.reason}. {refusal.message}"


def interrupted(message_id: str) -> str:
    """Return the message on an email that did not arrive, and of which it is unknown whether it was sent."""
    return (
        f"The email with Message-ID {message_id} did not arrive. The operator stopped while it sent the"
        " email, so the mail server may not have accepted it. The operator sends the next email"
        " automatically."
    )


def address_refused(refusal: Verdict) -> str:
    """Return the message on a refused address."""
    message = refusal.message
    for of_recipients, of_delivery in _FIELDS:
        message = message.replace(of_recipients, of_delivery)
    named = "delivery.address" in refusal.message
    return message if named else f"The mail server refused delivery.address: {message}"


def unavailable(snapshot: Snapshot, failure: Verdict) -> str:
    """Return the message on a mailbox that cannot be read."""
    return f"The mailbox of {address_of(snapshot)} could not be read: {failure.reason}. {failure.message}"


def bounced(snapshot: Snapshot, bounce: str) -> str:
    """Return the message on an email that came back."""
    return (
        f'The email to {address_of(snapshot)} came back: "{bounce}". Correct what the receiver\'s reply'
        " names."
    )


def not_seen(snapshot: Snapshot, message_id: str, within: float) -> str:
    """Return the message on an email that did not arrive."""
    provider = provider_of(snapshot.spec.server)
    if provider is not None and provider.replaces_message_id:
        return (
            f"{snapshot.spec.server} accepted the email, but the operator cannot find it in the mailbox of"
            f" {address_of(snapshot)}: {provider.name} replaces the Message-ID of each email. Send through"
            " another mail server, or remove delivery."
        )
    return (
        f"{snapshot.spec.server} accepted the email, but it did not arrive in the inbox or junk folder of"
        f" {address_of(snapshot)} within {format_duration(within)}. Search the mail server's log for"
        f" Message-ID {message_id}. Check delivery.address, the filters of the mailbox, and that it is not"
        " full."
    )


def late(snapshot: Snapshot, folder: str, latency: float, within: float) -> str:
    """Return the message on an email that arrived too late."""
    return (
        f"The email arrived in the {_PLACES[Folder(folder)]} of {address_of(snapshot)} after"
        f" {format_duration(latency)}, later than delivery.within ({format_duration(within)}). If this is"
        " expected, set delivery.within to a longer time. Otherwise, check the mail server's queue."
    )


def arrived(snapshot: Snapshot, found: DeliveryStatus, latency: float, *, authenticated: bool) -> str:
    """Return the message on an email that arrived in time."""
    where = f"The email arrived in the {_PLACES[Folder(found.folder or '')]} of {address_of(snapshot)} after"
    text = f"{where} {format_duration(latency)}"
    text += "." if authenticated else ", but its sender could not be authenticated."
    results = {"SPF": found.spf, "DKIM": found.dkim, "DMARC": found.dmarc}
    said = ", ".join(f"{name} {result}" for name, result in results.items() if result)
    if said:
        text += f" {found.authserv_id} says: {said}."
    in_junk = found.folder == Folder.JUNK
    if not authenticated or (in_junk and not _all_pass(found)):
        text += _authentication_fix(snapshot, found)
    elif in_junk:
        text += " Ask the receiver's admin why the spam filter chose this folder."
    elif found.dkim in DKIM_FAILED:
        text += _CHECK_SIGNATURE
    return text


def _authentication_fix(snapshot: Snapshot, found: DeliveryStatus) -> str:
    """Return what to correct, by what the receiver says."""
    domain, server = from_domain(snapshot), snapshot.spec.server
    if not (found.spf or found.dkim or found.dmarc):
        records = f" Publish SPF and DMARC records for {domain} that include {server}"
        return f"{records}, and sign its emails with DKIM."
    text = ""
    if found.spf != "pass":
        text += f" Publish an SPF record for {domain} that includes {server}."
    if found.dkim in DKIM_FAILED:
        text += _CHECK_SIGNATURE
    elif found.dkim != "pass":
        text += f" Sign the emails of {domain} with DKIM."
    if found.dmarc == "fail" and "pass" in (found.spf, found.dkim):
        text += f" DMARC passes only if SPF or DKIM passes for {domain} itself."
    elif found.dmarc not in ("pass", "fail"):
        text += f" Publish a DMARC record for {domain}."
    return text


def _all_pass(found: DeliveryStatus) -> bool:
    return found.spf == found.dkim == found.dmarc == "pass"
