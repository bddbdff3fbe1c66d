# SPDX-License-Identifier: Apache-2.0
"""Remove secrets and hidden addresses from every text that is shown."""
