# SPDX-License-Identifier: Apache-2.0
"""The public API: models of the kinds, reasons, verdicts, and the generated CRDs."""
