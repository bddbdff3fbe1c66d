# SPDX-License-Identifier: Apache-2.0
"""Vaults that store passwords: the code that all providers share."""
