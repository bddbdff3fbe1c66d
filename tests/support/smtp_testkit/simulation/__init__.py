# SPDX-License-Identifier: Apache-2.0
"""A simulated environment for the operator's controller: an API server, mail servers and a clock.

    world = World()
    await world.start()
    mail = world.smtp_config("corporate-mail")
    mail.create(server="smtp.example.com")
    await world.passes(1)
    assert mail.ready == "True"

Time is that of the event loop, so with a fake one (looptime) a day passes instantly.
"""

from smtp_testkit.simulation.cluster import FakeCluster, StatusWrite, Watch
from smtp_testkit.simulation.engine import Answer, Mail, Run, ScriptedEngine, fails, passes
from smtp_testkit.simulation.object_store import ObjectStore
from smtp_testkit.simulation.storage import Storage
from smtp_testkit.simulation.vault_objects import NAMESPACE, Vault
from smtp_testkit.simulation.vaults import SimulatedVaults, vault_verdict
from smtp_testkit.simulation.world import SmtpConfig, World

__all__ = [
    "NAMESPACE",
    "Answer",
    "FakeCluster",
    "Mail",
    "ObjectStore",
    "Run",
    "ScriptedEngine",
    "SimulatedVaults",
    "SmtpConfig",
    "StatusWrite",
    "Storage",
    "Vault",
    "Watch",
    "World",
    "fails",
    "passes",
    "vault_verdict",
]
