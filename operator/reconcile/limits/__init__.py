# SPDX-License-Identifier: Apache-2.0
"""Limit running tests, emails and rejected logins for each namespace."""
