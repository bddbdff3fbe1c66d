# SPDX-License-Identifier: Apache-2.0
"""The server of the Manage SMTP page on a real API server with a real operator."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from smtp_operator.cli.kubectl.ui.command import PageOptions, serving
from smtp_operator.cli.kubectl.ui.watch import follow
from smtp_operator.cluster.access import find_access
from smtp_operator.cluster.client import KubernetesClient
from smtp_operator.settings import Settings
from smtp_testkit.mailpeers import MailServer
from smtp_testkit.page_visitor import Json, PageVisitor
from smtp_testkit.testbed import Bed
from smtp_testkit.testbed.api import PATIENCE
from smtp_testkit.testbed.bed import settings
from smtp_tools.localcluster import LocalCluster

pytestmark = pytest.mark.usefixtures("operator")

PASSWORD = "s3cret-Passw0rd"


@pytest.fixture
async def visitor(real_client: KubernetesClient, bed: Bed) -> AsyncIterator[PageVisitor]:
    """An administrator who has the page of the test's namespace open."""
    async with (
        serving(real_client, PageOptions(namespace=bed.namespace)) as page,
        PageVisitor.of(page.session) as it,
    ):
        assert (await it.open()).status == 200
        yield it


def form(bed: Bed, server: MailServer, *, name: str = "mail", **more: Any) -> Json:
    """Return the form that a user fills in for this server."""
    spec = settings(server, **more.pop("spec", {}))
    return {"namespace": bed.namespace, "name": name, "spec": spec} | more


def typed(value: str = PASSWORD) -> Json:
    """Return the fields of a form with a typed password."""
    return {"inputText": {"value": value, "secretName": "mail-password"}}


async def gone(client: KubernetesClient, path: str) -> None:
    """Wait until there is no object at a path."""
    names: set[str] = set()
    listed = False
    async with aclosing(follow(client, path)) as changes:
        async for it in changes:
            names |= {object_["metadata"]["name"] for object_ in it.objects}
            names -= {object_["metadata"]["name"] for object_ in it.deleted}
            listed |= it.complete
            if listed and not names:
                return


def left_over(bed: Bed) -> list[str]:
    """Return the names of all SmtpTests and Secrets of the namespace."""
    items = [bed.api.get(path)["items"] for path in (bed.tests, bed.core("secrets"))]
    return [it["metadata"]["name"] for found in items for it in found]


async def test_test_connection_turns_green_before_anything_is_saved(
    bed: Bed, server: MailServer, visitor: PageVisitor
) -> None:
    login = {"username": "mailer", "allowInsecureAuth": True}
    events = (await visitor.post("/api/test", form(bed, server, spec=login, **typed()))).lines
    assert events[0]["event"] == "started"
    verdict = events[-1]
    assert (verdict["event"], verdict["passed"], verdict["reason"]) == ("verdict", True, "TestEmailSent")
    assert verdict["response"].startswith("250")
    assert len(server.mails) == 1
    assert left_over(bed) == []
    assert bed.api.get(bed.configs)["items"] == []


async def test_red_shows_reason_message_fix_and_dialogue(
    bed: Bed, server: MailServer, visitor: PageVisitor
) -> None:
    login = {"username": "mailer", "allowInsecureAuth": True}
    answer = await visitor.post("/api/test", form(bed, server, spec=login, **typed("wrong-Passw0rd")))
    verdict = answer.lines[-1]
    assert (verdict["passed"], verdict["reason"], verdict["phase"]) == (False, "AuthenticationFailed", "Auth")
    assert verdict["fix"] == "Check the username and password."
    assert any("AUTH" in line for line in verdict["dialogue"])
    assert "wrong-Passw0rd" not in answer.text
    assert base64.b64encode(b"wrong-Passw0rd").decode() not in answer.text
    assert server.mails == []
    assert left_over(bed) == []


async def test_submit_shows_the_difference_applies_and_the_object_turns_green(
    bed: Bed, server: MailServer, visitor: PageVisitor
) -> None:
    login = {"username": "mailer", "allowInsecureAuth": True}
    filled = form(bed, server, spec=login, **typed())
    preview = (await visitor.post("/api/preview", filled)).json
    assert {"mark": "+", "text": "username: mailer"} in preview["diff"]
    assert left_over(bed) == []
    stored = (await visitor.post("/api/submit", filled)).json
    assert (stored["name"], stored["generation"]) == ("mail", 1)
    assert bed.verdict().reason == "TestEmailSent"
    async for line in visitor.stream("/api/stream"):
        if any(row["state"] == "green" for row in line["rows"]):
            break
    managers = {it["manager"] for it in bed.api.get(f"{bed.configs}/mail")["metadata"]["managedFields"]}
    assert "smtp-operator-ui" in managers

    query = f"kind=SmtpConfig&namespace={bed.namespace}&name=mail"
    shown = (await visitor.get(f"/api/object?{query}")).json
    assert shown["row"]["words"] == "Passed"
    assert shown["spec"]["password"] == {"secretRef": {"name": "mail-password", "key": "password"}}
    assert {it["type"] for it in shown["status"]["conditions"]} >= {"Ready", "PasswordResolved"}

    changed = {**shown["spec"], "heloName": "other.example.com"}
    edited = {"namespace": bed.namespace, "name": "mail", "uid": shown["uid"], "spec": changed}
    preview = (await visitor.post("/api/preview", edited)).json
    assert [it["text"] for it in preview["diff"] if it["mark"] != " "] == ["heloName: other.example.com"]
    edited["generation"] = preview["generation"]
    assert (await visitor.post("/api/submit", edited)).json["generation"] == 2
    assert bed.verdict().reason == "TestEmailSent"
    # What the page owns, it can remove again.
    removed = {name: value for name, value in changed.items() if name != "heloName"} | {
        "test": {"mode": "Login"}
    }
    assert (await visitor.post("/api/submit", edited | {"spec": removed, "generation": 2})).status == 200
    assert "heloName" not in bed.api.get(f"{bed.configs}/mail")["spec"]


async def test_a_conflict_on_submit_names_the_field_and_its_manager(
    bed: Bed, server: MailServer, visitor: PageVisitor
) -> None:
    bed.create(server)
    bed.verdict()
    query = f"kind=SmtpConfig&namespace={bed.namespace}&name=mail"
    shown = (await visitor.get(f"/api/object?{query}")).json
    changed = {**shown["spec"], "from": "other@example.com"}
    edited = {"namespace": bed.namespace, "name": "mail", "uid": shown["uid"], "spec": changed}
    answer = await visitor.post("/api/preview", edited)
    assert answer.status == 409
    assert [it["field"] for it in answer.json["fields"]] == ["spec.from"]
    assert bed.api.get(f"{bed.configs}/mail")["spec"]["from"] != "other@example.com"


async def test_what_another_tool_manages_cannot_be_replaced_or_removed(
    bed: Bed, server: MailServer, visitor: PageVisitor
) -> None:
    bed.secret("theirs", password=PASSWORD)
    login: Json = {"username": "mailer", "allowInsecureAuth": True}
    login["password"] = {"secretRef": {"name": "theirs"}}
    bed.create(server, **login)
    bed.verdict()
    query = f"kind=SmtpConfig&namespace={bed.namespace}&name=mail"
    shown = (await visitor.get(f"/api/object?{query}")).json
    edited = {"namespace": bed.namespace, "name": "mail", "uid": shown["uid"]}
    vault = {"hashiCorpVault": {"vaultRef": {"name": "bao"}, "path": "mail"}}
    replaced = edited | {"spec": shown["spec"] | {"password": vault}}
    answer = await visitor.post("/api/preview", replaced)
    assert [it["field"] for it in answer.json["fields"]] == ["spec.password.secretRef"]
    removed = {name: value for name, value in shown["spec"].items() if name not in ("username", "password")}
    answer = await visitor.post("/api/preview", edited | {"spec": removed})
    assert answer.status == 409
    assert {it["field"] for it in answer.json["fields"]} >= {"spec.username"}


async def test_a_user_without_rights_is_told_which_are_missing(
    cluster: LocalCluster, bed: Bed, server: MailServer, tmp_path: Path
) -> None:
    bed.api.create(bed.core("serviceaccounts"), {"metadata": {"name": "viewer"}})
    kubeconfig = cluster.kubeconfig_for_service_account(bed.namespace, "viewer")
    client = KubernetesClient(await find_access(Settings(kubeconfig=str(kubeconfig)), {}))
    try:
        async with (
            serving(client, PageOptions(namespace=bed.namespace)) as page,
            PageVisitor.of(page.session) as visitor,
        ):
            await visitor.open()
            choices = (await visitor.get(f"/api/choices?namespace={bed.namespace}")).json
            assert choices["denied"]["test"] == (
                f"You lack rights in the namespace {bed.namespace}: create, get, watch and delete on"
                " smtptests. The ClusterRole smtp-operator-test grants them."
            )
            assert "smtpconfigs" in choices["denied"]["submit"]
            assert "secrets" in choices["problems"]["Secret"]
            events = (await visitor.post("/api/test", form(bed, server))).lines
            assert events[-1]["event"] == "error"
            here = (await visitor.post("/api/test", form(bed, server, where="computer"))).lines
            assert (here[0]["where"], here[-1]["passed"]) == ("computer", True)
            assert (await visitor.post("/api/preview", form(bed, server))).status == 403
    finally:
        await client.close()
    assert len(server.mails) == 1


async def test_a_test_from_this_computer_reads_no_secret(
    bed: Bed, server: MailServer, visitor: PageVisitor
) -> None:
    bed.secret("mail-password", password=PASSWORD)
    login = {
        "username": "mailer",
        "allowInsecureAuth": True,
        "password": {"secretRef": {"name": "mail-password"}},
    }
    events = (await visitor.post("/api/test", form(bed, server, spec=login, where="computer"))).lines
    assert events[-1]["reason"] == "Connected"
    assert any("stops before the login" in it.get("text", "") for it in events)
    login.pop("password")
    filled = form(bed, server, spec=login, where="computer", **typed())
    assert (await visitor.post("/api/test", filled)).lines[-1]["reason"] == "TestEmailSent"
    assert len(server.mails) == 1


async def test_the_choices_show_vault_objects_with_their_state_and_keys_of_secrets(
    bed: Bed, visitor: PageVisitor
) -> None:
    bed.secret("mail-password", password=PASSWORD, other="x")
    answer = await visitor.get(f"/api/choices?namespace={bed.namespace}")
    assert {"name": "mail-password", "keys": ["other", "password"]} in answer.json["secrets"]
    assert base64.b64encode(PASSWORD.encode()).decode() not in answer.text
    assert answer.json["denied"] == {"test": "", "submit": "", "inputText": ""}


async def test_the_phases_of_a_slow_test_are_streamed(
    bed: Bed, server: MailServer, visitor: PageVisitor
) -> None:
    server.unanswered = {"RCPT"}
    slow = {"test": {"timeout": "5s"}}
    events = (await visitor.post("/api/test", form(bed, server, spec=slow))).lines
    phases = [it["phase"] for it in events if it["event"] == "phase"]
    assert phases[-1] == "RcptTo"
    assert (events[-1]["passed"], events[-1]["phase"]) == (False, "RcptTo")
    assert server.mails == []


async def test_a_closed_page_cancels_its_test_before_the_email(
    bed: Bed, server: MailServer, visitor: PageVisitor, real_client: KubernetesClient
) -> None:
    server.unanswered = {"RCPT"}
    url = visitor.session.origin + "/api/test"
    body = form(bed, server, spec={"username": "mailer", "allowInsecureAuth": True}, **typed())
    async with visitor.http.post(url, json=body, headers=visitor.headers_of_a_change) as response:
        async for line in response.content:
            if b'"phase"' in line:
                break
        assert len(left_over(bed)) == 2
    for path in (bed.tests, bed.core("secrets")):
        await asyncio.wait_for(gone(real_client, path), PATIENCE)
    assert server.mails == []


async def test_an_inline_password_is_tested_without_being_shown(
    bed: Bed, server: MailServer, visitor: PageVisitor
) -> None:
    bed.create(server, username="mailer", password={"value": PASSWORD}, allowInsecureAuth=True)
    bed.verdict()
    query = f"kind=SmtpConfig&namespace={bed.namespace}&name=mail"
    answer = await visitor.get(f"/api/object?{query}")
    assert PASSWORD not in answer.text
    shown = answer.json
    kept = {"namespace": bed.namespace, "name": "mail", "uid": shown["uid"], "keepPassword": True}
    tested = await visitor.post("/api/test", kept | {"spec": shown["spec"]})
    assert tested.lines[-1]["reason"] == "TestEmailSent"
    assert PASSWORD not in tested.text
    assert len(server.mails) == 2


async def test_a_suggestion_comes_with_red(bed: Bed, server: MailServer, visitor: PageVisitor) -> None:
    wrong = {"smtpType": "TLS", "port": server.starttls_port, "tls": bed.trust(server)}
    verdict = (await visitor.post("/api/test", form(bed, server, spec=wrong))).lines[-1]
    assert (verdict["passed"], verdict["suggestion"]) == (False, {"smtpType": "StartTLS"})
    right = wrong | verdict["suggestion"]
    verdict = (await visitor.post("/api/test", form(bed, server, spec=right))).lines[-1]
    assert (verdict["passed"], verdict["reason"]) == (True, "TestEmailSent")
