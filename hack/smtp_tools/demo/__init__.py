# SPDX-License-Identifier: Apache-2.0
"""`make demo`: verdicts of real SMTP dialogues on a new cluster."""
