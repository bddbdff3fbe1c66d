# SPDX-License-Identifier: Apache-2.0
"""Asks a CCP by pyaim. Run by the tests in an environment of its own; words by standard input as JSON."""

import importlib
import json
import sys
from typing import Any


def main() -> None:
    """Prints what pyaim says to each query."""
    asked: dict[str, Any] = json.load(sys.stdin)
    client = importlib.import_module("pyaim").CCPPasswordREST(
        asked["url"], asked["webService"], verify=asked["ca"], cert=asked["certificate"]
    )
    answers: list[Any] = []
    for query in asked["queries"]:
        try:
            answers.append(client.GetPassword(**query))
        except ConnectionError as error:
            answers.append(str(error))
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
