# SPDX-License-Identifier: Apache-2.0
"""Sender and recipients of a test, parsed before any connection is made."""

from dataclasses import dataclass

from smtp_operator.api.reasons import Reason
from smtp_operator.smtp.diagnosis.verdicts import DialogueEnded, verdict
from smtp_operator.smtp.message.addresses import AddressInvalid, Mailbox, parse_address, parse_mailbox
from smtp_operator.smtp.request import Recipient, Role, TestRequest


@dataclass(frozen=True, slots=True)
class Addressee:
    """A recipient: its place in spec.recipients and its address."""

    role: Role
    index: int
    mailbox: Mailbox
    written: str
    """The address as the user wrote it, with U-labels in its domain."""

    @property
    def place(self) -> str:
        """The place in ``spec.recipients``, such as ``cc[0]``; also the mask of a bcc address."""
        return f"{self.role}[{self.index}]"

    @property
    def is_extra(self) -> bool:
        """Whether the address receives the email only because of ``spec.delivery``."""
        return self.role == "delivery"

    @property
    def label(self) -> str:
        """The recipient in a message: ``recipients.cc[0] dev@example.com``, for a bcc without the address."""
        if self.is_extra:
            return f"delivery.address {self.mailbox.address}"
        return f"recipients.{self.place}" + ("" if self.role == "bcc" else f" {self.mailbox.address}")


@dataclass(frozen=True, slots=True)
class Envelope:
    """The sender and the recipients."""

    sender: Mailbox
    addressees: tuple[Addressee, ...]

    @classmethod
    def of(cls, settings: TestRequest) -> "Envelope":
        """Return the envelope of a test. ``DialogueEnded``: an address is invalid."""
        try:
            sender = parse_mailbox(settings.sender)
        except AddressInvalid as error:
            raise DialogueEnded(
                verdict(
                    Reason.INVALID_FROM_ADDRESS,
                    f'from "{_readable(settings.sender)}" {error}',
                    fix="Set from: one address, such as Platform Team <noreply@example.com>",
                )
            ) from None
        return cls(sender, tuple(map(_addressee, settings.recipients)))

    @property
    def counted(self) -> tuple[Addressee, ...]:
        """The recipients that the verdict is about: an extra one counts only if it is the only one."""
        return tuple([it for it in self.addressees if it.role != "delivery"]) or self.addressees

    @property
    def needs_smtputf8(self) -> bool:
        """Whether an address requires a server with SMTPUTF8."""
        return self.sender.needs_smtputf8 or any(it.mailbox.needs_smtputf8 for it in self.addressees)

    @property
    def within_domain(self) -> bool:
        """Whether all recipients are in the domain of the From address."""
        own = self.sender.domain.lower()
        return all(entry.mailbox.domain.lower() == own for entry in self.addressees)

    @property
    def without_extra(self) -> "Envelope":
        """The envelope with the counted recipients only."""
        return Envelope(self.sender, self.counted)

    def of_role(self, role: Role) -> list[Mailbox]:
        """Return the addresses of one list."""
        return [entry.mailbox for entry in self.addressees if entry.role == role]

    @property
    def public(self) -> list[str]:
        """Every address that may be shown: of the sender, to and cc."""
        return [self.sender.address, *[it.mailbox.address for it in self.addressees if it.role != "bcc"]]

    @property
    def hidden(self) -> dict[str, str]:
        """Map every bcc address that is in no other field to the text that replaces it."""
        blind = [entry for entry in self.addressees if entry.role == "bcc"]
        known = set(map(str.lower, self.public)) if blind else ()
        return {
            form: entry.place
            for entry in blind
            if entry.mailbox.address.lower() not in known
            for form in (entry.mailbox.address, entry.written)
        }


def _addressee(recipient: Recipient) -> Addressee:
    place = f"recipients.{recipient.role}[{recipient.index}]"
    if recipient.role == "delivery":
        place = "delivery.address"
    try:
        mailbox = parse_address(recipient.address)
        return Addressee(recipient.role, recipient.index, mailbox, recipient.address.strip())
    except AddressInvalid as error:
        if recipient.role == "bcc":
            what = f"{place} is not one email address"
            fix = "List each address separately under recipients.bcc"
        else:
            what = f'{place} "{_readable(recipient.address)}" {error}'
            fix = "List them separately" if "two addresses" in str(error) else ""
        raise DialogueEnded(verdict(Reason.INVALID_RECIPIENT_ADDRESS, what, fix=fix)) from None


def _readable(text: str) -> str:
    text = "".join(it if it.isprintable() else "\N{REPLACEMENT CHARACTER}" for it in text)
    return text if len(text) <= 200 else text[:199] + "…"
