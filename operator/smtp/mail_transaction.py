# SPDX-License-Identifier: Apache-2.0
"""The mail transaction: MAIL, RCPT and DATA, after the session is open.

If the server offers PIPELINING (RFC 2920), MAIL and all RCPT commands are one group. DATA follows only after
the reply to each of them.
"""

import contextlib
import re
from typing import Final

from smtp_operator.api.verdict import DeliveryAddressResult, Mode, Phase, RecipientVerdict, Verdict
from smtp_operator.smtp.connection import ConnectionFailure, SmtpConnection
from smtp_operator.smtp.diagnosis import capabilities as not_offered
from smtp_operator.smtp.diagnosis import no_reply
from smtp_operator.smtp.diagnosis.classify import classify
from smtp_operator.smtp.diagnosis.outcomes import (
    Refusal,
    all_refused,
    envelope_accepted,
    sent,
    some_refused,
)
from smtp_operator.smtp.diagnosis.verdicts import NO_WORDS, DialogueEnded
from smtp_operator.smtp.dialogue import Dialogue, SendAborted
from smtp_operator.smtp.message.envelope import Addressee
from smtp_operator.smtp.message.mime import build_message
from smtp_operator.smtp.replies import Reply

_OUT_OF_STEP: Final = frozenset({500, 501, 502, 503})
"""Codes by which a server that cannot handle groups answers RCPT, although it accepted MAIL."""
_OF_GROUPS: Final = re.compile(r"pipelin|synchroni[sz]|too fast|sequence", re.IGNORECASE)


class ExtraRecipientFailed(Exception):
    """The server ends the connection because of ``delivery.address``, which the envelope no longer has."""


class PipeliningFailed(Exception):
    """The server offers PIPELINING and breaks under it. A test without groups gives the verdict."""


class MailTransaction:
    """A mail transaction over the connection of a dialogue."""

    def __init__(self, dialogue: Dialogue, connection: SmtpConnection) -> None:
        self._dialogue = dialogue
        self._connection = connection
        self._group = dialogue.pipelining and "PIPELINING" in dialogue.offered
        self._counted = dialogue.envelope.counted
        self._mail = b""
        self._refusals: list[Refusal] = []

    async def run(self) -> Verdict:
        """Run the transaction, as deep as the mode wants.

        Raises:
            DialogueEnded, ConnectionFailure: see the module ``dialogue``.
            PipeliningFailed: test again with ``dialogue.pipelining`` off.
        """
        dialogue = self._dialogue
        mode = dialogue.settings.mode
        server = dialogue.settings.server
        try:
            await self._envelope()
            if mode is Mode.ENVELOPE:
                await self._reset()
            else:
                await self._data()
        except ConnectionFailure as failure:
            raise self._judged_by_refusal(failure) from None
        accepted = len(self._counted) - len(self._refusals)
        if self._refusals:
            return some_refused(self._refusals, accepted=accepted, mailed=mode is Mode.SEND_EMAIL)
        if mode is Mode.ENVELOPE:
            return envelope_accepted(server, accepted)
        within = dialogue.envelope.within_domain
        return sent(server, accepted, dialogue.findings.response, within_domain=within)

    def _judged_by_refusal(self, failure: ConnectionFailure) -> Exception:
        """Return the verdict of a refusal after which the server stopped answering; else the failure.

        Many servers delay or drop a client after its first error.
        """
        if self._dialogue.findings.content_sent or not self._refusals:
            return failure
        return DialogueEnded(self._of_refusals())

    def _of_refusals(self) -> Verdict:
        refusals = self._refusals
        total = len(self._counted)
        if not any(it.accepted for it in self._dialogue.findings.recipients):
            return all_refused(refusals)
        return some_refused(refusals, accepted=total - len(refusals), mailed=False)

    async def _envelope(self) -> None:
        """Send the sender and the recipients, and check the reply to each."""
        dialogue = self._dialogue
        dialogue.clock.enter(Phase.MAIL_FROM)
        self._check_smtputf8()
        smtputf8 = dialogue.envelope.needs_smtputf8
        self._mail = self._message(smtputf8)
        command = self._mail_command(smtputf8)
        if self._group:
            self._send_group(command)
        reply = await self._reply(*command)
        if not reply.good:
            await self._drain(_OF_GROUPS.search(reply.text) is not None)
            raise dialogue.refused(reply)
        dialogue.clock.enter(Phase.RCPT_TO)
        replies: dict[str, Reply] = {}
        for entry in dialogue.envelope.addressees:
            address = entry.mailbox.address
            if address not in replies:  # an address in two lists gets one email
                try:
                    # half of the time left is for a test without delivery.address
                    share = 1.0 if entry in self._counted else 0.5
                    replies[address] = await self._reply(*self._rcpt_command(entry), share=share)
                except ConnectionFailure as failure:
                    raise self._lost(entry, failure) from None
            await self._recipient(entry, replies[address])
        if len(self._refusals) == len(self._counted):
            raise DialogueEnded(all_refused(self._refusals))

    async def _recipient(self, entry: Addressee, reply: Reply) -> None:
        dialogue = self._dialogue
        if entry not in self._counted:
            self._extra(entry, reply)
            return
        if not reply.good:
            if self._group and (reply.code in _OUT_OF_STEP or _OF_GROUPS.search(reply.text)):
                raise PipeliningFailed
            meaning = classify(Phase.RCPT_TO, reply, context=dialogue.context(recipient=entry.label))
            if reply.code == 421:
                raise DialogueEnded(self._of_refusals() if self._refusals else meaning)
            said = dialogue.redactor.quotation(reply.line)
            self._refusals.append(Refusal(entry, reply, said, meaning))
        shown = dialogue.redactor.shown(reply.line)
        dialogue.findings.recipients.append(
            RecipientVerdict(role=entry.role, index=entry.index, accepted=reply.good, response=shown)
        )

    def _extra(self, entry: Addressee, reply: Reply) -> None:
        """Record the reply to ``delivery.address``, which does not affect the verdict."""
        dialogue, refusal = self._dialogue, None
        if not reply.good:
            refusal = classify(Phase.RCPT_TO, reply, context=dialogue.context(recipient=entry.label))
        dialogue.findings.delivery_address = DeliveryAddressResult(refusal=refusal)
        if reply.code == 421:
            dialogue.envelope = dialogue.envelope.without_extra
            raise ExtraRecipientFailed

    def _lost(self, entry: Addressee, failure: ConnectionFailure) -> Exception:
        """Return what a connection that fails at a RCPT command means."""
        dialogue = self._dialogue
        if entry in self._counted:
            return failure
        refusal = no_reply.closed(dialogue.context(), Phase.RCPT_TO, NO_WORDS, content_sent=False)
        dialogue.findings.delivery_address = DeliveryAddressResult(refusal=refusal)
        dialogue.envelope = dialogue.envelope.without_extra
        return ExtraRecipientFailed()

    def _send_group(self, command: tuple[tuple[bytes, ...], str]) -> None:
        """Send MAIL, which is ``command``, and RCPT to each address."""
        recipients = {entry.mailbox.address: entry for entry in reversed(self._dialogue.envelope.addressees)}
        commands = [command]
        commands += [self._rcpt_command(entry) for entry in reversed(recipients.values())]
        transcript = self._dialogue.transcript
        transcript.note(f"{len(commands)} commands in one group")
        for _, shown in commands:
            transcript.client(shown)
        try:
            self._connection.send_group([words for words, _ in commands])
        except ConnectionFailure:
            raise PipeliningFailed from None

    async def _reply(self, words: tuple[bytes, ...], shown: str, *, share: float = 1.0) -> Reply:
        """Return the reply to the next command; outside of a group, send it first."""
        dialogue = self._dialogue
        if not self._group:
            return await dialogue.command(self._connection, *words, shown=shown, share=share)
        try:
            # half of the time left is for the test without groups
            reply = await self._connection.reply(dialogue.budget.left / 2)
        except ConnectionFailure as failure:
            if self._refusals:
                raise self._judged_by_refusal(failure) from None
            raise PipeliningFailed from None
        dialogue.note(reply)
        return reply

    async def _drain(self, failed: bool) -> None:
        """Read the replies to the rest of the group, so that QUIT gets its own reply."""
        if not self._group:
            return
        if failed:
            raise PipeliningFailed
        dialogue = self._dialogue
        with contextlib.suppress(ConnectionFailure):
            while self._connection.unanswered:
                await self._connection.reply(dialogue.budget.limit(dialogue.limits.quit))

    def _mail_command(self, smtputf8: bool) -> tuple[tuple[bytes, ...], str]:
        """Return the words of MAIL and its form in the transcript."""
        dialogue = self._dialogue
        options = [f"SIZE={len(self._mail)}".encode()] if "SIZE" in dialogue.offered else []
        if smtputf8:
            options += [b"BODY=8BITMIME", b"SMTPUTF8"]
        words = (b"MAIL", f"FROM:<{dialogue.envelope.sender.address}>".encode(), *options)
        return words, b" ".join(words).decode()

    @staticmethod
    def _rcpt_command(entry: Addressee) -> tuple[tuple[bytes, ...], str]:
        """Return the words of RCPT and its form in the transcript."""
        address = entry.mailbox.address
        place = entry.place if entry.role == "bcc" else address
        return (b"RCPT", f"TO:<{address}>".encode()), f"RCPT TO:<{place}>"

    def _check_smtputf8(self) -> None:
        dialogue = self._dialogue
        if "SMTPUTF8" in dialogue.offered:
            return
        boxes = [(f"from {dialogue.envelope.sender.address}", dialogue.envelope.sender)]
        boxes += [(entry.label, entry.mailbox) for entry in self._counted]
        for label, mailbox in boxes:
            if mailbox.needs_smtputf8:
                raise DialogueEnded(not_offered.smtputf8(dialogue.context(), label))
        for entry in dialogue.envelope.addressees:
            if entry.mailbox.needs_smtputf8:
                refusal = not_offered.smtputf8(dialogue.context(), entry.label)
                dialogue.findings.delivery_address = DeliveryAddressResult(refusal=refusal)
                dialogue.envelope = dialogue.envelope.without_extra

    async def _reset(self) -> None:
        """End the transaction without an email. The verdict is known, and QUIT also resets."""
        dialogue = self._dialogue
        with contextlib.suppress(ConnectionFailure):
            await self._connection.command(b"RSET", limit=dialogue.budget.limit(dialogue.limits.quit))

    async def _data(self) -> None:
        dialogue = self._dialogue
        permit = dialogue.send_permit
        dialogue.clock.enter(Phase.DATA)
        if permit is not None:
            try:
                with dialogue.budget.paused():
                    await permit.acquire((dialogue.address, dialogue.settings.port))
            except Exception as error:
                raise SendAborted from error
        reply = await dialogue.command(self._connection, b"DATA")
        if reply.code != 354:
            raise dialogue.refused(reply)
        if permit is not None:
            try:
                permit.check()
            except Exception as error:
                raise SendAborted from error
        dialogue.findings.content_sent = True
        dialogue.transcript.client("(the mail)")
        reply = await self._connection.content(self._mail, limit=dialogue.budget.left)
        dialogue.note(reply)
        refused = None if reply.good else dialogue.refused(reply)
        dialogue.findings.response = dialogue.redactor.shown(reply.line)
        if refused is not None:
            raise refused

    def _message(self, smtputf8: bool) -> bytes:
        dialogue = self._dialogue
        envelope = dialogue.envelope
        settings = dialogue.settings
        return build_message(
            sender=envelope.sender,
            to=envelope.of_role("delivery" if self._counted[0].is_extra else "to"),
            cc=envelope.of_role("cc"),
            subject=settings.subject,
            body=settings.body,
            headers=settings.headers,
            message_id=dialogue.findings.message_id,
            smtputf8=smtputf8,
        )
