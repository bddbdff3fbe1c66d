# SPDX-License-Identifier: Apache-2.0
"""Postfix and Dovecot from Debian's packages on loopback, without systemd, and swaks to compare with."""

from smtp_testkit.realpeers.peers import PASSWORD, TOKEN, USER, RealPeers
from smtp_testkit.realpeers.swaks import SwaksRun, swaks
from smtp_testkit.realpeers.tools import INSTALL, NeedsTools, missing_tools

__all__ = [
    "INSTALL",
    "PASSWORD",
    "TOKEN",
    "USER",
    "NeedsTools",
    "RealPeers",
    "SwaksRun",
    "missing_tools",
    "swaks",
]
