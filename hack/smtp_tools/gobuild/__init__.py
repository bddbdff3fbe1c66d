# SPDX-License-Identifier: Apache-2.0
"""Builds a Go main package once and keeps the program in a per-user cache. Needs only Python.

`Program` describes what to build, `program_folder` returns the folder of the built program. See `builder`.
"""

from smtp_tools.gobuild.builder import Program, cached_folder, program_folder
from smtp_tools.gobuild.cache import cache_folder, clean_cache
from smtp_tools.gobuild.errors import BuildError

__all__ = ["BuildError", "Program", "cache_folder", "cached_folder", "clean_cache", "program_folder"]
