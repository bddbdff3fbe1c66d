# SPDX-License-Identifier: Apache-2.0
"""Errors of the benchmark."""


class BenchError(Exception):
    """A figure could not be measured; the text says why."""
