# SPDX-License-Identifier: Apache-2.0
"""Prometheus and promtool from Debian's package, unpacked in the cache of the user."""

from smtp_tools.monitoring.prometheus import Prometheus
from smtp_tools.monitoring.tools import NeedsTools, program

__all__ = ["NeedsTools", "Prometheus", "program"]
