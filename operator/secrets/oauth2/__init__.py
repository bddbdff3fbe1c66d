# SPDX-License-Identifier: Apache-2.0
"""OAuth2 access tokens instead of a password (RFC 6749, 7523, 7628)."""
