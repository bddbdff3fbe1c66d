# SPDX-License-Identifier: Apache-2.0
"""HashiCorp Vault and OpenBao."""
