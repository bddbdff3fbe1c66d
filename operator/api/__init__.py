# SPDX-License-Identifier: Apache-2.0
"""The kinds that users write and read: models, reasons, verdicts, and the CRDs made from them."""
