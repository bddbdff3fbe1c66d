# SPDX-License-Identifier: Apache-2.0
"""What Prometheus is told: one table of metrics, and what fills it."""
