# SPDX-License-Identifier: Apache-2.0
"""Look for one email in a mailbox over IMAP, and read nothing else."""
