# SPDX-License-Identifier: Apache-2.0
"""``spec.publish`` on a real API server, with the permissions of the chart and real mail servers."""

import base64
import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from smtp_testkit.mailpeers import MailServer
from smtp_testkit.mailpeers.fingerprints import fingerprint
from smtp_testkit.testbed import Bed, Object, StartOperator
from smtp_testkit.testbed.operator_process import LOOPBACK
from smtp_testkit.testbed.publishing import permit_publishing
from smtp_testkit.testbed.seen import ObservedObject
from smtp_testkit.testbed.waiting import until
from smtp_tools.localcluster import LocalCluster

GUIDE = Path(__file__).parents[2] / "docs" / "how-to" / "publish-proven-settings.md"
LOGIN: dict[str, Any] = {"username": "mailer", "password": {"secretRef": {"name": "smtp-password"}}}
PUBLISH: dict[str, Any] = {**LOGIN, "publish": {"secretName": "proven"}, "allowInsecureAuth": True}


@pytest.fixture
def permit(bed: Bed, operator_user: str) -> Callable[[], None]:
    """Create the Role of the chart's publish.namespaces."""
    return partial(permit_publishing, bed, operator_user)


def published(reason: str) -> Callable[[ObservedObject], bool]:
    return lambda it: it.judged and it.condition("Published").reason == reason


def secret_of(bed: Bed) -> Object | None:
    found = [it for it in bed.api.items(bed.core("secrets")) if it["metadata"]["name"] == "proven"]
    return found[0] if found else None


def values(bed: Bed) -> dict[str, str]:
    secret = secret_of(bed) or {"data": {}}
    return {key: base64.b64decode(value).decode() for key, value in secret["data"].items()}


def start(start_operator: StartOperator) -> Any:
    return start_operator(*LOOPBACK, "--publish")


def test_from_the_first_proof_to_the_removal(
    bed: Bed, server: MailServer, start_operator: StartOperator, permit: Callable[[], None]
) -> None:
    permit()
    start(start_operator)
    bed.secret("smtp-password", password=server.users["mailer"])
    bed.create(server, **PUBLISH)
    seen = bed.wait(published("Published"))
    assert values(bed)["password"] == server.users["mailer"]
    assert seen.status["binding"] == {"name": "proven"}
    secret = secret_of(bed)
    assert secret is not None
    assert secret["type"] == "servicebinding.io/smtp"
    (owner,) = secret["metadata"]["ownerReferences"]
    assert (owner["uid"], owner["controller"]) == (seen.metadata["uid"], True)
    assert "blockOwnerDeletion" not in owner

    bed.secret("smtp-password", password="not the password")
    bed.wait(published("KeptLastProven"))
    assert values(bed)["password"] == server.users["mailer"]
    version = (secret_of(bed) or {})["metadata"]["resourceVersion"]
    assert version == secret["metadata"]["resourceVersion"]

    server.users["mailer"] = "rotated-Passw0rd"
    bed.secret("smtp-password", password="rotated-Passw0rd")
    bed.wait(published("Published"))
    assert values(bed)["password"] == "rotated-Passw0rd"

    bed.change(publish=None)
    until(lambda: secret_of(bed) is None, "the Secret stayed")
    gone = bed.wait(lambda it: "binding" not in it.status)
    assert "Published" not in gone.conditions


def test_the_guide_publishes(
    cluster: LocalCluster,
    bed: Bed,
    server: MailServer,
    start_operator: StartOperator,
    permit: Callable[[], None],
) -> None:
    example, wait = re.findall(
        r"```(?:yaml|sh)\n(apiVersion.*?|kubectl wait.*?)```", GUIDE.read_text(), re.DOTALL
    )
    spec = yaml.safe_load(example)["spec"]
    permit()
    start(start_operator)
    bed.secret("smtp-password", password=server.users["mailer"])
    chosen = {"password": spec["password"], "publish": {**spec["publish"], "secretName": "proven"}}
    bed.create(server, "corporate-mail", username="mailer", allowInsecureAuth=True, **chosen)

    cluster.kubectl(*wait.split()[1:], "--namespace", bed.namespace, "--timeout=120s")
    assert values(bed) == {"GF_SMTP_HOST": f"127.0.0.1:{server.plain_port}", "GF_SMTP_ENABLED": "true"}


def test_an_edit_by_hand_is_restored(
    bed: Bed, server: MailServer, start_operator: StartOperator, permit: Callable[[], None]
) -> None:
    permit()
    start(start_operator)
    bed.secret("smtp-password", password=server.users["mailer"])
    bed.create(server, **PUBLISH)
    bed.wait(published("Published"))
    proven, mails = values(bed), len(server.mails)
    edited = {"data": {"password": base64.b64encode(b"by hand").decode(), "more": ""}}
    bed.api.patch(f"{bed.core('secrets')}/proven", edited)
    until(lambda: values(bed) == proven, "the Secret was not restored")
    assert len(server.mails) == mails


def test_an_immutable_or_held_secret_is_replaced_when_that_is_possible(
    bed: Bed, server: MailServer, start_operator: StartOperator, permit: Callable[[], None]
) -> None:
    permit()
    start(start_operator)
    bed.secret("smtp-password", password=server.users["mailer"])
    bed.create(server, **PUBLISH)
    bed.wait(published("Published"))
    path = f"{bed.core('secrets')}/proven"
    bed.api.patch(path, {"immutable": True, "metadata": {"finalizers": ["example.com/hold"]}})

    server.users["mailer"] = "rotated-Passw0rd"
    bed.secret("smtp-password", password="rotated-Passw0rd")
    held = bed.wait(published("PublishFailed")).condition("Published")
    assert "being deleted" in held.message
    bed.api.patch(path, {"metadata": {"finalizers": None}})
    bed.wait(published("Published"))
    assert values(bed)["password"] == "rotated-Passw0rd"
    assert "immutable" not in (secret_of(bed) or {})


def test_an_edit_of_a_binding_is_reported_while_settings_fail(
    bed: Bed, server: MailServer, start_operator: StartOperator, permit: Callable[[], None]
) -> None:
    """The author of an annotation is in managedFields."""
    permit()
    start(start_operator)
    bed.secret("smtp-password", password=server.users["mailer"])
    bed.create(server, **PUBLISH)
    bed.wait(published("Published"))
    bed.secret("smtp-password", password="not the password")
    bed.wait(published("KeptLastProven"))
    path = f"{bed.core('secrets')}/proven"
    bed.api.patch(path, {"metadata": {"annotations": {"smtp-operator.io/allow-publish": "true"}}})
    bed.wait(published("SecretEdited"))
    bed.secret("smtp-password", password=server.users["mailer"])
    bed.wait(published("Published"))
    assert not (secret_of(bed) or {})["metadata"].get("annotations")


def test_killed_before_the_write_it_writes_at_its_next_start_without_an_email(
    bed: Bed, server: MailServer, start_operator: StartOperator, permit: Callable[[], None]
) -> None:
    operator = start(start_operator)
    bed.secret("smtp-password", password=server.users["mailer"])
    bed.create(server, **PUBLISH)
    refused = bed.wait(published("PublishNotEnabled"))
    assert "publish.namespaces" in refused.condition("Published").message
    assert refused.ready.status == "True"
    assert secret_of(bed) is None
    operator.kill()
    permit()
    operator.start()
    bed.wait(published("Published"))
    assert values(bed)["password"] == server.users["mailer"]
    proven = values(bed)
    bed.delete_secret("proven")
    until(lambda: values(bed) == proven, "the Secret was not created again")
    assert len(server.mails) == 1


def test_the_secret_has_only_the_ca_that_verified_the_server(
    bed: Bed, server: MailServer, start_operator: StartOperator, permit: Callable[[], None]
) -> None:
    permit()
    start(start_operator)
    appended = trustme.CA().cert_pem.bytes().decode()
    bed.trust(server)
    both = {"data": {"ca.crt": f"{server.ca_pem}\n# a comment\n{appended}"}}
    bed.api.patch(f"{bed.core('configmaps')}/mail-ca", both)
    bed.secret("smtp-password", password=server.users["mailer"])
    tls = {"caRef": {"name": "mail-ca"}, "serverName": "localhost"}
    bed.create(server, smtp_type="StartTLS", **{**PUBLISH, "tls": tls})
    bed.wait(published("Published"))
    assert "".join(values(bed)["certificates"].split()) == "".join(server.ca_pem.split())


def test_a_secret_of_someone_else_is_not_touched(
    bed: Bed, server: MailServer, start_operator: StartOperator, permit: Callable[[], None]
) -> None:
    permit()
    start(start_operator)
    bed.secret("proven", password="theirs")
    bed.secret("smtp-password", password=server.users["mailer"])
    bed.create(server, **PUBLISH)
    bed.wait(published("SecretNotOwned"))
    assert values(bed) == {"password": "theirs"}
    bed.delete_secret("proven")
    bed.wait(published("Published"))


def test_of_two_that_name_one_secret_the_second_waits_until_the_first_is_deleted(
    bed: Bed, server: MailServer, start_operator: StartOperator, permit: Callable[[], None]
) -> None:
    """A SmtpConfig that is created again waits as well, for the garbage collector of Kubernetes."""
    permit()
    start(start_operator)
    bed.secret("smtp-password", password=server.users["mailer"])
    first = bed.create(server, "first", **PUBLISH)
    bed.wait(published("Published"), "first")
    bed.create(server, "second", **PUBLISH)
    bed.wait(published("SecretNotOwned"), "second")
    assert owner_of(bed) == first.metadata["uid"]
    bed.delete("first")
    second = bed.wait(published("Published"), "second")
    assert owner_of(bed) == second.metadata["uid"]

    bed.delete("second")
    again = bed.create(server, "second", **PUBLISH)
    bed.wait(published("Published"), "second")
    assert owner_of(bed) == again.metadata["uid"]
    bed.delete("second")
    until(lambda: secret_of(bed) is None, "garbage collection left the Secret")


def test_nothing_is_written_while_suspended_or_without_consent(
    bed: Bed, server: MailServer, start_operator: StartOperator, permit: Callable[[], None]
) -> None:
    permit()
    start(start_operator)
    bed.secret("smtp-password", password=server.users["mailer"])
    bed.create(server, **PUBLISH)
    bed.wait(published("Published"))
    before = values(bed)
    bed.change(suspend=True)
    server.users["mailer"] = "rotated-Passw0rd"
    bed.secret("smtp-password", password="rotated-Passw0rd")
    bed.create(server, "other", **LOGIN, allowInsecureAuth=True)
    bed.verdict("other")  # the operator has seen the new password
    assert values(bed) == before

    annotations = {
        "smtp-operator.io/allowed-servers": f"localhost:{server.starttls_port}",
        "smtp-operator.io/allowed-ca": fingerprint(server.ca_pem),
    }
    path = f"{bed.core('secrets')}/smtp-password"
    bed.api.patch(path, {"metadata": {"annotations": annotations}})
    tls = {**bed.trust(server), "serverName": "localhost"}
    bound: dict[str, Any] = {
        "server": "localhost",
        "port": server.starttls_port,
        "smtpType": "StartTLS",
        "tls": tls,
    }
    bed.change(suspend=False, **bound)
    message = bed.wait(published("PublishNotAllowed")).condition("Published").message
    assert "Secret " in message
    assert values(bed) == before
    bed.api.patch(path, {"metadata": {"annotations": {"smtp-operator.io/allow-publish": "true"}}})
    bed.wait(published("Published"))
    assert values(bed)["password"] == "rotated-Passw0rd"
    assert (secret_of(bed) or {})["metadata"]["annotations"] == annotations


def owner_of(bed: Bed) -> str:
    """Return the uid of the SmtpConfig that owns the Secret."""
    return str((secret_of(bed) or {})["metadata"]["ownerReferences"][0]["uid"])


def test_a_quota_is_no_missing_role(
    bed: Bed, server: MailServer, start_operator: StartOperator, permit: Callable[[], None]
) -> None:
    permit()
    start(start_operator)
    bed.secret("smtp-password", password=server.users["mailer"])
    quota = {"metadata": {"name": "few"}, "spec": {"hard": {"count/secrets": "1"}}}
    bed.api.create(bed.core("resourcequotas"), quota)
    bed.create(server, **PUBLISH)
    message = bed.wait(published("PublishFailed")).condition("Published").message
    assert "is forbidden: " in message
    assert "quota: few" in message
    bed.api.delete(f"{bed.core('resourcequotas')}/few")
    bed.wait(published("Published"))
    assert len(server.mails) == 1


def test_without_the_flag_nothing_is_written(
    bed: Bed, server: MailServer, start_operator: StartOperator, permit: Callable[[], None]
) -> None:
    permit()
    start_operator()
    bed.secret("smtp-password", password=server.users["mailer"])
    bed.create(server, **PUBLISH)
    bed.wait(published("PublishNotEnabled"))
    assert secret_of(bed) is None
