# SPDX-License-Identifier: Apache-2.0
"""What a failed dialogue means: rules, patterns, advice."""
