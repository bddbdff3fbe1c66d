# SPDX-License-Identifier: Apache-2.0
"""Four clients for one server: our engine, swaks, and typical scripts with aiosmtplib and smtplib."""

import asyncio
import re
import smtplib
import ssl
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any, Final

import aiosmtplib

from smtp_operator.api.verdict import SmtpType, Verdict
from smtp_operator.smtp.request import SmtpLogin
from smtp_testkit.mailpeers.faultserver import FaultServer
from smtp_testkit.mailpeers.trial import Trial, recipients
from smtp_testkit.realpeers.swaks import swaks
from smtp_testkit.realpeers.tools import NeedsTools
from smtp_tools.reasons.scenarios import USERNAME, Scenario

PASSWORD: Final = "a password, or a token, that no server knows"
NOT_INSTALLED: Final = "not installed"
_CODE: Final = re.compile(r"\b[245]\d\d\b")
_PATIENCE: Final = 10.0


@dataclass(frozen=True, slots=True)
class Said:
    """The result of a client: ``kind`` is an exit code or an exception's class, ``text`` is the rest."""

    kind: str
    text: str = ""

    @property
    def sort(self) -> str:
        """The part that a program can distinguish without reading text: kind, and the reply code if known."""
        code = _CODE.search(self.text)
        return f"{self.kind} {code[0]}" if code else self.kind

    def __str__(self) -> str:
        return f"{self.kind}: {self.text}" if self.text else self.kind


async def ask_engine(scenario: Scenario, server: FaultServer) -> Verdict:
    """Return the engine's verdict."""
    changes: dict[str, Any] = {}
    sender, recipient = scenario.mailboxes
    if scenario.login:
        changes["login"] = SmtpLogin(
            username=USERNAME, password=PASSWORD, origin=scenario.origin, by_token=scenario.oauth2
        )
    report = await Trial()(
        server.port,
        smtp_type=scenario.smtp_type,
        sender=sender,
        recipients=recipients(to=[recipient]),
        allow_insecure_auth=True,
        ca_pem=server.ca_pem,
        **changes,
    )
    return report.verdict


async def ask_swaks(scenario: Scenario, server: FaultServer) -> Said:
    """Return the exit code of swaks."""
    sender, recipient = scenario.mailboxes
    try:
        run = await asyncio.to_thread(
            swaks,
            server.port,
            smtp_type=scenario.smtp_type,
            username=USERNAME if scenario.login else "",
            password=PASSWORD,
            sender=sender,
            recipient=recipient,
            timeout=_PATIENCE,
        )
    except NeedsTools:
        return Said(NOT_INSTALLED)
    return Said(str(run.code))


async def ask_aiosmtplib(scenario: Scenario, server: FaultServer) -> Said:
    """Return the exception of a script that follows the library's documentation."""
    by_password = scenario.login and not scenario.oauth2
    try:
        async with aiosmtplib.SMTP(
            hostname="localhost",
            port=server.port,
            use_tls=scenario.smtp_type is SmtpType.TLS,
            start_tls=scenario.smtp_type is SmtpType.START_TLS,
            tls_context=_context(server),
            timeout=_PATIENCE,
            username=USERNAME if by_password else None,
            password=PASSWORD if by_password else None,
        ) as client:
            if scenario.oauth2:
                await client.auth_xoauth2(USERNAME, PASSWORD)
            await client.send_message(_mail(scenario))
    except (aiosmtplib.SMTPException, OSError, ValueError) as error:
        return _told(error)
    return Said("no error")


async def ask_smtplib(scenario: Scenario, server: FaultServer) -> Said:
    """Return the exception of a typical script with the standard library."""
    return await asyncio.to_thread(_smtplib, scenario, server)


def _smtplib(scenario: Scenario, server: FaultServer) -> Said:
    try:
        if scenario.smtp_type is SmtpType.TLS:
            client: smtplib.SMTP = smtplib.SMTP_SSL(
                "localhost", server.port, timeout=_PATIENCE, context=_context(server)
            )
        else:
            client = smtplib.SMTP("localhost", server.port, timeout=_PATIENCE)
        with client:
            if scenario.smtp_type is SmtpType.START_TLS:
                client.starttls(context=_context(server))
            if scenario.login:
                client.login(USERNAME, PASSWORD)
            client.send_message(_mail(scenario))
    except (smtplib.SMTPException, OSError, ValueError) as error:
        return _told(error)
    return Said("no error")


def _context(server: FaultServer) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=server.ca_pem)


def _mail(scenario: Scenario) -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"] = scenario.mailboxes
    mail["Subject"] = "test"
    mail.set_content("It works.\n")
    return mail


def _told(error: Exception) -> Said:
    return Said(type(error).__name__, " ".join(str(error).split()))
