# SPDX-License-Identifier: Apache-2.0
"""Read from Conjur with CyberArk's client. Run by the tests in a separate environment; JSON on stdin."""

import asyncio
import importlib
import json
import sys
from typing import Any


def strategy(asked: dict[str, Any]) -> Any:
    """By an API key or a JWT."""
    providers = importlib.import_module("conjur_api.providers")
    if "jwt" in asked:
        return providers.JWTAuthenticationStrategy(asked["jwt"])
    models = importlib.import_module("conjur_api.models")
    store = providers.SimpleCredentialsProvider()
    store.save(models.CredentialsData(username=asked["login"], api_key=asked["apiKey"], machine=asked["url"]))
    return providers.AuthnAuthenticationStrategy(store)


async def main() -> None:
    """Prints what the client says to each of its calls."""
    asked: dict[str, Any] = json.load(sys.stdin)
    models = importlib.import_module("conjur_api.models")
    errors = importlib.import_module("conjur_api.errors.errors")
    client = importlib.import_module("conjur_api").Client(
        models.ConjurConnectionInfo(asked["url"], asked["account"], asked["ca"], asked.get("serviceId")),
        ssl_verification_mode=models.SslVerificationMode.CA_BUNDLE,
        authn_strategy=strategy(asked),
    )
    answers: list[Any] = []
    for name, *words in asked["calls"]:
        try:
            said = await getattr(client, name)(*words)
            answers.append(said.decode() if isinstance(said, bytes) else said)
        except errors.HttpStatusError as error:
            answers.append({"status": error.status, "response": error.response})
    print(json.dumps(answers))


if __name__ == "__main__":
    asyncio.run(main())
