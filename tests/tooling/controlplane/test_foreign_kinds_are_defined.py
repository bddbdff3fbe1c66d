# SPDX-License-Identifier: Apache-2.0
"""A Go program prints the CRDs of other projects, from their source in the module cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from smtp_tools.foreign_crds import definitions
from smtp_tools.gobuild import BuildError, Program

if TYPE_CHECKING:
    from tests.tooling.controlplane.conftest import FakeGo

PROGRAM = """\
{{ echo '#!/bin/sh'; echo '{0}'; }} > "$2"
        chmod +x "$2"
        exit"""


def test_they_are_what_the_program_prints_in_its_own_folder_with_go_on_its_path(
    program: Program, environment: dict[str, str], go: FakeGo
) -> None:
    go.answers(building=PROGRAM.format("pwd; command -v go; echo $GOTOOLCHAIN"))

    assert definitions(environment, program) == f"{program.source}\n{go.bin}/go\nlocal\n"
    assert definitions(environment, program)
    assert len(go.calls("build")) == 1


def test_what_keeps_the_program_from_it_is_said(
    program: Program, environment: dict[str, str], go: FakeGo
) -> None:
    go.answers(building=PROGRAM.format("echo example.com/api: module lookup disabled >&2; exit 1"))

    with pytest.raises(BuildError) as caught:
        definitions(environment, program)

    assert str(caught.value) == (
        "hello could not make the CustomResourceDefinitions of other projects:\n"
        "example.com/api: module lookup disabled\n"
        f"It reads the source of the modules in {program.source}/go.mod, which Go has to have or be able to "
        "download."
    )
