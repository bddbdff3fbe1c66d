# SPDX-License-Identifier: Apache-2.0
"""Decide what to test and when, and derive the status. Depends on neither kopf nor a Kubernetes client."""
