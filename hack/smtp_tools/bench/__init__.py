# SPDX-License-Identifier: Apache-2.0
"""`make bench`: what the operator costs, beside cert-manager's Issuer controller on the same API server.

`python -m smtp_tools.bench --help` says what it measures and how to choose.
"""
