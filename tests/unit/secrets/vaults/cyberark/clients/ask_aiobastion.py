# SPDX-License-Identifier: Apache-2.0
"""Read from a CCP with aiobastion. The tests run this in a separate environment; JSON on stdin."""

import asyncio
import importlib
import json
import sys
from typing import Any


async def main() -> None:
    """Prints what aiobastion says to each query."""
    asked: dict[str, Any] = json.load(sys.stdin)
    aim = importlib.import_module("aiobastion.aim")
    errors = importlib.import_module("aiobastion.exceptions")
    certificate, key = asked["certificate"]
    answers: list[Any] = []
    for query in asked["queries"]:
        client = aim.EPV_AIM(
            appid=query.pop("appid"), host=asked["host"], cert=certificate, key=key, verify=asked["ca"]
        )
        async with client:
            try:
                answers.append((await client.get_secret_detail(**query)).detail)
            except (errors.CyberarkAIMnotFound, errors.CyberarkAPIException) as error:
                answers.append([type(error).__name__, error.http_status, error.err_code])
    print(json.dumps(answers))


if __name__ == "__main__":
    asyncio.run(main())
