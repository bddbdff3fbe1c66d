# SPDX-License-Identifier: Apache-2.0
"""``kubectl smtp``: a kubectl plug-in that requests tests and shows the status as text."""
