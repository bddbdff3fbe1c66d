# SPDX-License-Identifier: Apache-2.0
"""Diagnosis of a failed dialogue: rules, patterns, advice."""
