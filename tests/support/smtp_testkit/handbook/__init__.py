# SPDX-License-Identifier: Apache-2.0
"""Runs the commands of the documentation and compares their output with the quoted output.

`python -m smtp_testkit.handbook` updates the quoted outputs; `tests/docs` compares them.
"""

from smtp_testkit.handbook.blocks import Block, blocks_of, pages, text_of
from smtp_testkit.handbook.outputs import same_output
from smtp_testkit.handbook.runs import Run, runs_of
from smtp_testkit.handbook.world import World

__all__ = ["Block", "Run", "World", "blocks_of", "pages", "runs_of", "same_output", "text_of"]
