# SPDX-License-Identifier: Apache-2.0
"""Reconcile SmtpTests: one test each, with at most one email."""
