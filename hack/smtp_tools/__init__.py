# SPDX-License-Identifier: Apache-2.0
"""Tools for developers; hack/README.md lists them. Run one with ``python -m smtp_tools.NAME``."""
