# SPDX-License-Identifier: Apache-2.0
"""A mailbox for ``spec.delivery``."""

from typing import Any

from smtp_testkit.mailpeers.imapserver import ImapServer
from smtp_testkit.testbed import Bed, Object

PROBE = "probe@example.org"


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
