# SPDX-License-Identifier: Apache-2.0
"""Reads the documentation as a reader would: runs its commands, compares what they print with what is quoted.

`python -m smtp_testkit.handbook` writes outputs that are quoted in the documentation anew;
`tests/docs` compares them.
"""

from smtp_testkit.handbook.blocks import Block, blocks_of, pages, text_of
from smtp_testkit.handbook.outputs import same_output
from smtp_testkit.handbook.runs import Run, runs_of
from smtp_testkit.handbook.world import World

__all__ = ["Block", "Run", "World", "blocks_of", "pages", "runs_of", "same_output", "text_of"]
