# SPDX-License-Identifier: Apache-2.0
"""Mail servers for tests, demo and benchmark: a normal one, and one with scripted faults."""

from smtp_testkit.mailpeers.mailserver import MailServer
from smtp_testkit.mailpeers.session import AuthAttempt, ReceivedMail

__all__ = ["AuthAttempt", "MailServer", "ReceivedMail"]
