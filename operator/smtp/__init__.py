# SPDX-License-Identifier: Apache-2.0
"""The dialogue with a mail server: phases, rules, destination policy, the test mail."""
