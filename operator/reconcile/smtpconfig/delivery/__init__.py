# SPDX-License-Identifier: Apache-2.0
"""Condition Delivered: send an email to a mailbox, look for it there, and say what became of it."""
