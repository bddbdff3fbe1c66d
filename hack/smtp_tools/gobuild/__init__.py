# SPDX-License-Identifier: Apache-2.0
"""Builds a Go main package once and keeps the program in a per-user cache; Python is all it needs.

`Program` says what to build, `program_folder` gives the folder that holds it. See `builder`.
"""

from smtp_tools.gobuild.builder import Program, cached_folder, program_folder
from smtp_tools.gobuild.cache import cache_folder, clean_cache
from smtp_tools.gobuild.errors import BuildError

__all__ = ["BuildError", "Program", "cache_folder", "cached_folder", "clean_cache", "program_folder"]
