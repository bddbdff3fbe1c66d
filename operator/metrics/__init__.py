# SPDX-License-Identifier: Apache-2.0
"""Metrics for Prometheus: their definitions, and the registry that counts them."""
