# SPDX-License-Identifier: Apache-2.0
"""Prometheus and promtool out of Debian's package, unpacked beside the other things a clone needs."""

from monitoring.prometheus import Prometheus
from monitoring.tools import NeedsTools, program

__all__ = ["NeedsTools", "Prometheus", "program"]
