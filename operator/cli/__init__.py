# SPDX-License-Identifier: Apache-2.0
"""The commands: run, check, crds."""
