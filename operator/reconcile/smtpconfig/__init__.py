# SPDX-License-Identifier: Apache-2.0
"""Reconcile SmtpConfig objects."""
