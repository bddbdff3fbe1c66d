# SPDX-License-Identifier: Apache-2.0
"""Write all files that are generated from the code; ``make generate`` runs this package."""
