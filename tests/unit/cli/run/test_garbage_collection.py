# SPDX-License-Identifier: Apache-2.0
"""The operator loads its modules without garbage collections, and then collects garbage rarely."""

import json
import subprocess
import sys

PROGRAM = """
import gc, json, sys
from smtp_operator.cli.main import run_program

NAME = "smtp_operator.cli.run.command"
loading = []

def on_collection(phase, _):
    module = sys.modules.get(NAME)
    if phase == "start" and module is not None and not hasattr(module, "run_operator"):
        loading.append(phase)

gc.callbacks.append(on_collection)
code = run_program(["run", "--kubeconfig", "/nonexistent"])
print(json.dumps([code, NAME in sys.modules, loading, gc.isenabled(), gc.get_freeze_count() > 50_000]))
"""


def test_garbage_is_collected_only_after_all_modules_are_loaded() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=True, text=True)
    assert json.loads(done.stdout) == [2, True, [], True, True]
