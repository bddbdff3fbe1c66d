# SPDX-License-Identifier: Apache-2.0
"""Access tokens in place of a password (RFC 6749, 7523, 7628)."""
