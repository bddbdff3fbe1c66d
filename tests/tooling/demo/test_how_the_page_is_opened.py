# SPDX-License-Identifier: Apache-2.0
"""The demo ends with the command that opens the Manage SMTP page on what it built."""

import os
from pathlib import Path

import pytest

from smtp_operator.cli.kubectl.parser import parsed
from smtp_tools.demo.kubectl import Kubectl
from smtp_tools.demo.places import Place
from smtp_tools.demo.play import page_command


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("kubectl", ["ui"]),
        ("kubectl --context=mine -n smtp-demo-1", ["ui", "--context=mine", "-n", "smtp-demo-1"]),
    ],
)
def test_the_page_is_opened_on_the_place_of_the_demo(tmp_path: Path, typed: str, words: list[str]) -> None:
    kubectl = Kubectl(tmp_path / "kubectl", {})
    place = Place(
        kubectl=kubectl,
        operator_kubeconfig=tmp_path,
        operator_user="operator",
        operator_flags=(),
        folder=tmp_path,
        typed=typed,
    )
    program, *rest = page_command(place).split()
    assert os.access(program, os.X_OK)
    assert rest == words
    options = parsed(rest)
    assert options is not None
    assert options.command == "ui"
