# SPDX-License-Identifier: Apache-2.0
"""The documentation site: MkDocs hooks that add the pages and files outside of ``docs/``."""
