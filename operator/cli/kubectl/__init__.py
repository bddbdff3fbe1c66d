# SPDX-License-Identifier: Apache-2.0
"""``kubectl smtp``: a plug-in of kubectl that asks for tests and tells what status says, in words."""
