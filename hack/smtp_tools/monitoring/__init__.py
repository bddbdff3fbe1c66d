# SPDX-License-Identifier: Apache-2.0
"""Prometheus and promtool out of Debian's package, unpacked beside the other things a clone needs."""

from smtp_tools.monitoring.prometheus import Prometheus
from smtp_tools.monitoring.tools import NeedsTools, program

__all__ = ["NeedsTools", "Prometheus", "program"]
