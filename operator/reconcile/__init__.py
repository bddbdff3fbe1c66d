# SPDX-License-Identifier: Apache-2.0
"""Verdicts: what is tested when, and what status it makes. Knows neither kopf nor Kubernetes."""
