# SPDX-License-Identifier: Apache-2.0
"""Dovecot serves the mailbox of the demo."""

import ssl
from imaplib import IMAP4_SSL

from smtp_tools.demo.mailbox import PROBE, Mailbox, Programs


def test_a_delivered_email_is_served() -> None:
    programs = Programs.found()
    assert programs is not None, "the demo needs Dovecot 2.3 for this part"
    with Mailbox.start(programs) as running:
        running.deliver("a@example.com", b"From: a@example.com\r\nSubject: hello\r\n\r\nhello\r\n")
        trust = ssl.create_default_context(cadata=running.ca_pem)
        with IMAP4_SSL("localhost", running.port, ssl_context=trust) as client:
            client.login(PROBE, running.password)
            assert client.select("INBOX") == ("OK", [b"1"])
