# SPDX-License-Identifier: Apache-2.0
"""`make bench`: the cost of the operator, compared with cert-manager's Issuer controller.

`python -m smtp_tools.bench --help` lists the sections and options.
"""
