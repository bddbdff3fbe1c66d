# SPDX-License-Identifier: Apache-2.0
"""``spec.publish``: keep a Secret for applications equal to the settings that were proven last."""
