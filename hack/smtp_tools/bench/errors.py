# SPDX-License-Identifier: Apache-2.0
"""What can go wrong."""


class BenchError(Exception):
    """Something could not be measured; the text says why."""
