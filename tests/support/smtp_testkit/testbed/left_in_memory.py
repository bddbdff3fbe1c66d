# SPDX-License-Identifier: Apache-2.0
"""A process that runs tests as the operator does, and then searches its memory for the password.

Its tasks come from standard input, one per line; the password comes only from a vault. So every copy that
it finds afterwards was left by the test.
"""

import asyncio
import gc
import ipaddress
import json
import sys
import time
from typing import Any

from smtp_operator.api.verdict import Mode, Trigger
from smtp_operator.network.destination import DestinationPolicy
from smtp_operator.network.https import Https
from smtp_operator.network.resolver import ThreadedResolver
from smtp_operator.reconcile.ports import ReconcilePolicy
from smtp_operator.reconcile.smtpconfig.planner import RunTest
from smtp_operator.reconcile.smtpconfig.snapshot import snapshot_of
from smtp_operator.reconcile.smtpconfig.test_runner import TestRunner
from smtp_operator.secrets.service_accounts import NoServiceAccounts
from smtp_operator.secrets.vaults.clients import VaultClients
from smtp_operator.setting_parsers import PortRange
from smtp_operator.smtp.concurrency import ConnectionLimits
from smtp_operator.smtp.engine import Engine
from smtp_testkit.simulation import ObjectStore
from smtp_testkit.testbed.told import spellings


def holders(password: str) -> list[str]:
    """Return the types of objects with the password or its base64, including frames."""
    gc.collect()
    needles = sorted(spellings(password) | spellings(f"\0mailer\0{password}"))
    raw = [it.encode() for it in needles]
    own = {id(password), *map(id, needles), *map(id, raw)}

    def holds(part: object) -> bool:
        if id(part) in own:
            return False
        if isinstance(part, str):
            return any(it in part for it in needles)
        if isinstance(part, bytes | bytearray):
            return any(it in part for it in raw)
        if isinstance(part, dict | tuple) and not gc.is_tracked(part):
            return any(map(holds, gc.get_referents(part)))
        return False

    return [type(it).__name__ for it in gc.get_objects() if any(map(holds, gc.get_referents(it)))]


def objects(given: Any) -> ObjectStore:
    """Return the objects that the test reads."""
    store = ObjectStore()
    store.put("Secret", "bao-login", {"token": given["token"]})
    store.put("ConfigMap", "bao-ca", {"ca.crt": given["vault_ca"]})
    store.put("ConfigMap", "mail-ca", {"ca.crt": given["mail_ca"]})
    token = {"name": "bao-login", "key": "token"}
    block = {"url": given["url"], "auth": {"tokenRef": token}}
    store.put_vault("SmtpVault", "bao", {"hashiCorpVault": block, "caRef": {"name": "bao-ca"}})
    return store


async def told(given: Any) -> dict[str, Any]:
    """Run a test; return its result and what it left in memory."""
    password = given["reversed"][::-1]
    policy = DestinationPolicy(
        allow_networks=[ipaddress.ip_network("127.0.0.0/8")], ports=[PortRange(1, 65535)]
    )
    resolver = ThreadedResolver()
    https = Https(policy=policy, resolver=resolver)
    store = objects(given)
    vaults = VaultClients(
        get_object=store.get,
        accounts=NoServiceAccounts(),
        https=https,
        monotonic=time.monotonic,
        now=time.time,
    )
    engine = Engine(policy=policy, resolver=resolver, connections=ConnectionLimits(1))
    tester = TestRunner(
        get_object=store.get, engine=engine, policy=ReconcilePolicy(), now=time.time, vaults=vaults
    )
    test = RunTest(Trigger.REQUESTED, Mode.SEND_EMAIL)
    outcomes = [await tester.run(snapshot_of(given["config"]), test, on_phase=lambda _: None) for _ in "12"]
    await asyncio.sleep(0)  # the callback that resumed this task held the last response
    left = holders(password)
    held = [f"<{password}>"]
    finds = len(holders(password)) - len(left)
    held.clear()
    await vaults.close()
    https.close()
    engine.close()
    resolver.close()
    return {"reasons": [str(it.verdict.reason) for it in outcomes], "left": left, "finds": finds}


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(asyncio.run(told(json.loads(line)))), flush=True)
