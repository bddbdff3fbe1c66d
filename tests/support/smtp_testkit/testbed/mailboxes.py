# SPDX-License-Identifier: Apache-2.0
"""A mailbox for ``spec.delivery``, and a mail server that delivers into it."""

from datetime import UTC, datetime
from typing import Any

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.mailpeers.imapserver import ImapServer, StoredEmail
from smtp_testkit.mailpeers.session import ReceivedMail
from smtp_testkit.testbed import Bed, Object

PROBE = "probe@example.org"


class DeliveringServer(MailServer):
    """A mail server that puts each email into the inbox of ``mailbox``."""

    mailbox: ImapServer

    def received(self, mail: ReceivedMail) -> None:
        """Keep the email, and deliver it."""
        super().received(mail)
        emails = self.mailbox.folders["INBOX"].emails
        emails.append(StoredEmail(1 + len(emails), mail.content, datetime.now(UTC)))


def delivery_to(bed: Bed, mailbox: ImapServer, **changes: Any) -> Object:
    """Create the Secret and the CA of the mailbox; return ``spec.delivery``."""
    bed.secret("probe", password="mailbox-pw")
    body: Object = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "imap-ca"}}
    bed.api.apply(f"{bed.core('configmaps')}/imap-ca", body | {"data": {"ca.crt": mailbox.ca_pem}})
    return {
        "address": PROBE,
        "mailbox": {
            "server": "localhost",
            "port": mailbox.port,
            "username": PROBE,
            "password": {"secretRef": {"name": "probe"}},
            "tls": {"caRef": {"name": "imap-ca"}},
        },
        **changes,
    }
