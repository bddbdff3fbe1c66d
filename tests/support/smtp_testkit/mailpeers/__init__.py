# SPDX-License-Identifier: Apache-2.0
"""Mail servers for tests, demo and benchmark: a friendly one and one that misbehaves on order."""

from mailpeers.mailserver import MailServer
from mailpeers.session import AuthAttempt, ReceivedMail

__all__ = ["AuthAttempt", "MailServer", "ReceivedMail"]
