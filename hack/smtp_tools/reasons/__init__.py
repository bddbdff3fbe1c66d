# SPDX-License-Identifier: Apache-2.0
"""Reason precision: what the engine makes of the corpus's replies, beside swaks, aiosmtplib and smtplib."""
