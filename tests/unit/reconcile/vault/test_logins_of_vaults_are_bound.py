# SPDX-License-Identifier: Apache-2.0
"""The annotation of a vault's login says for which vault and which mail servers it may be used."""

from smtp_testkit.simulation import World

HOUR = 3600.0


async def test_credentials_go_to_the_vault_that_their_owner_allows(world: World) -> None:
    bao = world.vault().create(with_token=False)
    bound = {"smtp-operator.io/allowed-servers": "other.example.com:443"}
    world.put_secret("bao-login", annotations=bound, token="root")
    await world.start()
    mail = world.smtp_config().create_with_login(password=bao.password())
    await world.passes(1)
    assert (mail.ready, mail.reason) == ("False", "ServerNotAllowed")
    assert world.vaults.calls == 0
    allowed = "bao.example.com:443,smtp.example.com:587"
    world.annotate_secret("bao-login", **{"smtp-operator.io/allowed-servers": allowed})
    await world.passes(1)
    assert mail.ready == "True"


async def test_a_mail_server_that_the_login_does_not_list_gets_nothing_until_it_is_listed(
    world: World,
) -> None:
    bao = world.vault().create()
    mail = await world.ready(password=bao.password())
    world.annotate_secret("bao-login", **{"smtp-operator.io/allowed-servers": "bao.example.com:443"})
    logins = len(world.logins)
    await world.passes(3 * HOUR)
    assert (mail.ready, mail.reason) == ("False", "ServerNotAllowed")
    assert len(world.logins) == logins
    allowed = "bao.example.com:443,smtp.example.com:587"
    world.annotate_secret("bao-login", **{"smtp-operator.io/allowed-servers": allowed})
    await world.passes(1)
    assert mail.ready == "True"
