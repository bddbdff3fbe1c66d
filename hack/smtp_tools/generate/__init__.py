# SPDX-License-Identifier: Apache-2.0
"""Writes everything that is generated from the code; ``make generate`` runs it."""
