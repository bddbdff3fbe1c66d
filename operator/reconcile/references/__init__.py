# SPDX-License-Identifier: Apache-2.0
"""Track the objects that SmtpConfigs and vaults reference."""
