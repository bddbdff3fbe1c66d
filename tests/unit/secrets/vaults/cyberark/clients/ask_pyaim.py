# SPDX-License-Identifier: Apache-2.0
"""Read from a CCP with pyaim. The tests run this in a separate environment; arguments on stdin as JSON."""

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
