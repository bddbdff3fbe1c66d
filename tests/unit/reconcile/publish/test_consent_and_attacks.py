# SPDX-License-Identifier: Apache-2.0
"""Owners of values decide whether they are published, and attacks by the Secret's name or content fail."""

import base64
import ssl

import pytest

from smtp_operator.api.objects import Reference
from smtp_operator.api.reasons import Reason
from smtp_operator.smtp.request import TestRequest
from smtp_testkit.simulation import Answer, World, fails, passes

PUBLISH = {"secretName": "proven"}
SECRET = Reference("Secret", "team-a", "proven")
SERVERS = "smtp-operator.io/allowed-servers"
ALLOW = "smtp-operator.io/allow-publish"


async def test_a_bound_password_needs_its_owners_consent(world: World) -> None:
    bound = {SERVERS: "smtp.example.com:587"}
    world.put_secret(password="s3cret-1", annotations=bound)
    mail = await world.ready(publish=PUBLISH)
    assert mail.conditions["Published"] == ("False", "PublishNotAllowed")
    assert world.published() is None
    await world.passes(10)
    world.annotate_secret(**{ALLOW: "true"})
    await world.passes(30)
    assert mail.conditions["Published"] == ("True", "Published")
    annotations = world.storage.objects[SECRET]["metadata"]["annotations"]
    assert annotations == bound
    assert len(world.mails) == 0


async def test_revoked_consent_leaves_the_secret_and_writes_no_more(world: World) -> None:
    world.put_secret(password="s3cret-1", annotations={SERVERS: "smtp.example.com:587", ALLOW: "true"})
    mail = await world.ready(publish=PUBLISH)
    await world.passes(61)
    world.annotate_secret(**{ALLOW: "false"})
    world.put_secret(password="s3cret-2")
    await world.passes(30)
    assert (world.published() or {})["password"] == "s3cret-1"
    assert mail.conditions["Published"] == ("False", "PublishNotAllowed")
    world.put_secret("proven", manager="kubectl-edit", password="by hand")
    await world.passes(7200)
    assert world.published() == {"password": "by hand"}
    assert world.secret_writes == []


async def test_consent_that_is_withdrawn_during_a_test_counts(world: World) -> None:
    world.put_secret(password="s3cret-1", annotations={SERVERS: "smtp.example.com:587", ALLOW: "true"})
    mail = await world.ready(publish=PUBLISH)
    await world.passes(61)
    world.engine.script(passes(seconds=30))
    world.put_secret(password="s3cret-2")
    await world.passes(10)
    world.annotate_secret(**{ALLOW: "false"})
    await world.passes(600)
    assert (world.published() or {})["password"] == "s3cret-1"
    assert mail.conditions["Published"] == ("False", "PublishNotAllowed")


async def test_a_source_that_is_bound_during_a_test_binds_the_copy(world: World) -> None:
    await world.start()
    world.put_secret(password="s3cret-1")
    world.engine.script(passes(seconds=30))
    world.smtp_config().create_with_login(publish=PUBLISH)
    await world.passes(10)
    world.annotate_secret(**{SERVERS: "smtp.example.com:587", ALLOW: "true"})
    await world.passes(600)
    for write in world.secret_writes:
        assert write.annotations == {SERVERS: "smtp.example.com:587"}
    assert world.published() is not None


async def test_a_source_that_is_deleted_during_a_test_consents_to_nothing(world: World) -> None:
    await world.start()
    world.put_secret(password="s3cret-1")
    world.engine.script(passes(seconds=30))
    mail = world.smtp_config().create_with_login(publish=PUBLISH)
    await world.passes(10)
    world.delete_secret("smtp-password")
    await world.passes(600)
    assert world.secret_writes == []
    assert mail.conditions["Published"] == ("False", "NotProvenYet")


async def test_a_vault_that_withdraws_consent_during_a_test_is_heard(world: World) -> None:
    vault = world.vault().create(allowPublish=True)
    await world.start()
    world.engine.script(passes(seconds=30))
    mail = world.smtp_config().create(username="mailer", password=vault.password(), publish=PUBLISH)
    await world.passes(10)
    vault.edit(allowPublish=False)
    await world.passes(600)
    assert world.secret_writes == []
    assert mail.conditions["Published"] == ("False", "PublishNotAllowed")


async def test_a_vault_allows_it_in_its_spec(world: World) -> None:
    vault = world.vault().create()
    mail = await world.ready(username="mailer", password=vault.password(), publish=PUBLISH)
    assert mail.conditions["Published"] == ("False", "PublishNotAllowed")
    vault.edit(allowPublish=True)
    await world.passes(60)
    assert (world.published() or {})["password"] == "s3cret-1"


async def test_a_cluster_vault_allows_namespaces(world: World) -> None:
    vault = world.cluster_vault().create(publishNamespaces={"matchNames": ["team-b"]})
    mail = await world.ready(username="mailer", password=vault.password(), publish=PUBLISH)
    assert mail.conditions["Published"] == ("False", "PublishNotAllowed")
    vault.edit(publishNamespaces={"matchNames": ["team-a"]})
    await world.passes(60)
    assert (world.published() or {})["password"] == "s3cret-1"


async def test_a_rotation_in_a_vault_is_published_with_the_recheck_that_proves_it(world: World) -> None:
    vault = world.vault().create(allowPublish=True)
    world.vaults.put("mail/smtp", "s3cret-1", "1")
    mail = await world.ready(username="mailer", password=vault.password(), publish=PUBLISH)
    world.vaults.put("mail/smtp", "s3cret-2", "2")
    await world.passes(4500)
    assert (world.published() or {})["password"] == "s3cret-2"
    assert mail.status.published is not None
    assert [it.version for it in mail.status.published.references if it.kind == "HashiCorpVault"] == ["2"]


async def test_a_copy_cannot_be_sent_elsewhere(world: World) -> None:
    world.put_secret(password="s3cret-1", annotations={SERVERS: "smtp.example.com:587", ALLOW: "true"})
    await world.ready(publish=PUBLISH)
    thief = world.smtp_config("thief").create(
        server="evil.example.net", username="x", password={"secretRef": {"name": "proven"}}
    )
    again = world.smtp_config("again").create(
        username="x",
        password={"secretRef": {"name": "proven"}},
        publish={"secretName": "copy-of-the-copy"},
    )
    await world.passes(30)
    assert thief.reason == "ServerNotAllowed"
    assert "evil.example.net" not in {run.settings.server for run in world.runs}
    assert again.conditions["Published"] == ("False", "PublishNotAllowed")


async def test_a_server_that_accepts_everything_replaces_nothing_of_another(world: World) -> None:
    """A bound password is not sent there, and the Secret of others keeps its owner."""
    world.put_secret(password="s3cret-1", annotations={SERVERS: "smtp.example.com:587", ALLOW: "true"})
    victim = await world.ready(publish=PUBLISH)
    world.engine.always(passes(), server="accepts-all.example.net")
    world.smtp_config("attacker").create_with_login(server="accepts-all.example.net", publish=PUBLISH)
    unbound = world.smtp_config("attacker-2").create(
        server="accepts-all.example.net", username="x", password={"value": "planted"}, publish=PUBLISH
    )
    await world.passes(60)
    assert (world.published() or {})["host"] == "smtp.example.com"
    assert victim.conditions["Published"] == ("True", "Published")
    assert unbound.conditions["Published"] == ("False", "SecretNotOwned")
    assert "accepts-all.example.net" not in {
        run.settings.server for run in world.runs if run.name == "team-a/attacker"
    }


async def test_a_wrong_password_is_not_proven_by_a_shallower_test(world: World) -> None:
    """A server that accepts each connection, but not each login."""

    def answer(settings: TestRequest) -> Answer:
        good = settings.login is None or settings.login.password == "s3cret-1"
        return passes() if good else fails(Reason.AUTHENTICATION_FAILED, reply="535 5.7.8")

    world.engine.always(answer)
    await world.ready(publish=PUBLISH, recheck={"interval": "1m", "mode": "Connect"})
    world.put_secret(password="wrong")
    await world.passes(7200)
    assert {write.data["password"] for write in world.secret_writes} <= {"s3cret-1"}


@pytest.mark.parametrize("name", ["app-env", "default-token"])
async def test_nothing_is_planted_in_a_secret_that_others_use(world: World, name: str) -> None:
    """Pods read it by ``envFrom``; the operator does not touch what it does not own."""
    world.put_secret(name, SMTP_HOST="theirs")
    keys = [{"name": "SMTP_HOST", "value": "evil.example.net"}]
    mail = await world.ready(publish={"secretName": name, "keys": keys})
    assert world.published(name) == {"SMTP_HOST": "theirs"}
    assert mail.conditions["Published"] == ("False", "SecretNotOwned")


async def test_only_the_ca_that_verified_the_server_is_published(world: World) -> None:
    """A CA that is appended to the ConfigMap verified nothing."""
    good, appended = b"good CA", b"appended CA"

    def answer(settings: TestRequest) -> Answer:
        assert settings.tls.ca_pem is not None
        return passes()

    world.engine.always(answer)
    world.engine.ca_chain = (good,)
    pems = "".join(ssl.DER_cert_to_PEM_cert(it) for it in (good, appended))
    world.put_config_map(data={"ca.crt": pems})
    mail = await world.ready(tls={"caRef": {"name": "corp-ca"}}, publish=PUBLISH)
    published = world.published() or {}
    assert published["certificates"] == ssl.DER_cert_to_PEM_cert(good)
    assert base64.b64encode(appended).decode() not in published["certificates"]
    await world.passes(61)
    world.delete_secret("proven")
    await world.passes(30)
    assert (world.published() or {})["certificates"] == ssl.DER_cert_to_PEM_cert(good)
    assert [run.mode for run in mail.runs] == ["Login"]  # the chain has no version: a login proves it


async def test_two_that_publish_each_others_source_stay_within_the_limits(world: World) -> None:
    """Each write starts a test of the other SmtpConfig, whose username and password are exchanged."""
    await world.start()
    for name, source, target in (("one", "two", "one"), ("two", "one", "two")):
        keys = [{"name": "u", "field": "Password"}, {"name": "p", "field": "Username"}]
        if name == "one":
            keys = [{"name": "u", "field": "Username"}, {"name": "p", "field": "Password"}]
            world.put_secret("two", u="a", p="b")
        world.smtp_config(name).create(
            usernameRef={"name": source, "key": "u"},
            password={"secretRef": {"name": source, "key": "p"}},
            publish={"secretName": target, "keys": keys},
        )
        await world.passes(5)
        if name == "one":
            world.delete_secret("two")
    await world.passes(3600)
    assert len(world.secret_writes) > 100  # the cycle goes on
    assert len(world.runs) <= 2 * 3600 / 10 + 10
    assert len(world.mails) <= 600 + 10


async def test_a_password_that_grows_with_each_write_ends_the_cycle(world: World) -> None:
    await world.start()
    keys = [{"name": "p", "field": "Uri"}]
    world.put_secret("two", p="b")
    for name, source in (("one", "two"), ("two", "one")):
        world.smtp_config(name).create(
            username="u",
            password={"secretRef": {"name": source, "key": "p"}},
            publish={"secretName": name, "keys": keys},
        )
        await world.passes(5)
        if name == "one":
            world.delete_secret("two")
    await world.passes(3600)
    assert len(world.secret_writes) < 40
    assert "SecretValueTooLong" in {it.reason for it in world.cluster.notices}
