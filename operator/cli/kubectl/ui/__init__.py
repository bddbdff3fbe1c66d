# SPDX-License-Identifier: Apache-2.0
"""``kubectl smtp ui``: the Manage SMTP page, served to the user's own browser."""
