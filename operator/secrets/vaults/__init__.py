# SPDX-License-Identifier: Apache-2.0
"""Vaults that hold passwords: what all providers share."""
