# SPDX-License-Identifier: Apache-2.0
"""Read from DNS whether receivers can authenticate the sender: SPF, DMARC and mail exchangers."""
