# SPDX-License-Identifier: Apache-2.0
"""Mail servers for tests, demo and benchmark: a friendly one and one that misbehaves on order."""

from smtp_testkit.mailpeers.mailserver import MailServer
from smtp_testkit.mailpeers.session import AuthAttempt, ReceivedMail

__all__ = ["AuthAttempt", "MailServer", "ReceivedMail"]
