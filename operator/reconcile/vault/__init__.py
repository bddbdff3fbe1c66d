# SPDX-License-Identifier: Apache-2.0
"""Reconcile SmtpVault and ClusterSmtpVault objects."""
