# SPDX-License-Identifier: Apache-2.0
"""Precision of the reasons for the corpus's replies, compared with swaks, aiosmtplib and smtplib."""
