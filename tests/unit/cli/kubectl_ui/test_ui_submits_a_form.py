# SPDX-License-Identifier: Apache-2.0
"""Preview and submit: dry-run first, server-side apply without force, and no value of a Secret."""

import json
from typing import Any

import pytest

from smtp_operator.cli.kubectl.ui.command import ServedPage
from smtp_testkit.fakeapi import Answer, FakeApi
from smtp_testkit.fakeapi.smtpconfigs import LIST, smtp_config
from smtp_testkit.page_visitor import PageVisitor

Json = dict[str, Any]
SECRETS = "/api/v1/namespaces/team-a/secrets"
SPEC: Json = {"server": "smtp.example.com", "port": 587, "from": "a@example.com"}
OBJECT = f"{LIST}/mail"


def form(**more: Any) -> Json:
    """Return a form as the page sends it."""
    return {"namespace": "team-a", "name": "mail", "uid": None, "generation": None, "spec": SPEC} | more


def stored(spec: Json | None = None, **metadata: Any) -> Json:
    """Return a SmtpConfig as the API server has it."""
    object_ = smtp_config(None, "mail")
    object_["spec"] = {"smtpType": "StartTLS", **SPEC} | (spec or {})
    object_["metadata"] |= metadata
    return object_


async def test_a_new_object_is_previewed_and_applied(visitor: PageVisitor, fake: FakeApi) -> None:
    fake.always("GET", OBJECT, Answer(404))
    fake.always("PATCH", OBJECT, Answer(body=stored()))
    preview = (await visitor.post("/api/preview", form())).json
    assert preview["changes"] is True
    assert {"mark": "+", "text": "server: smtp.example.com"} in preview["diff"]
    assert preview["sends"] == (
        "The operator sends one email through smtp.example.com:587, from a@example.com: To a@example.com."
    )
    (dry_run,) = fake.asked("PATCH", OBJECT)
    assert dry_run.query["dryRun"] == "All"
    answer = await visitor.post("/api/submit", form(generation=preview["generation"]))
    assert answer.json == {"namespace": "team-a", "name": "mail", "uid": "uid-of-mail", "generation": 1}
    applied = fake.asked("PATCH", OBJECT)[-1]
    assert applied.query == {"fieldManager": "smtp-operator-ui", "fieldValidation": "Strict"}
    assert applied.headers["Content-Type"] == "application/apply-patch+yaml"
    assert applied.body["spec"] == SPEC


async def test_only_changed_fields_are_applied(visitor: PageVisitor, fake: FakeApi) -> None:
    fake.always("GET", OBJECT, Answer(body=stored({"heloName": "a.example.com"})))
    after = {"heloName": "a.example.com", "port": 465, "smtpType": "TLS"}
    fake.always("PATCH", OBJECT, Answer(body=stored(after)))
    spec = {**SPEC, "heloName": "a.example.com", "smtpType": "TLS", "port": 465}
    preview = (await visitor.post("/api/preview", form(uid="uid-of-mail", spec=spec))).json
    assert [it for it in preview["diff"] if it["mark"] != " "] == [
        {"mark": "-", "text": "port: 587"},
        {"mark": "+", "text": "port: 465"},
        {"mark": "-", "text": "smtpType: StartTLS"},
        {"mark": "+", "text": "smtpType: TLS"},
    ]
    (patch,) = fake.asked("PATCH", OBJECT)
    assert patch.body["spec"] == {"port": 465, "smtpType": "TLS"}
    assert patch.body["metadata"]["uid"] == "uid-of-mail"
    assert "force" not in patch.query


async def test_a_field_of_another_manager_is_a_conflict(visitor: PageVisitor, fake: FakeApi) -> None:
    fake.always("GET", OBJECT, Answer(body=stored()))
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": 'conflict with "kubectl-client-side-apply" using smtp-operator.io/v1alpha1',
            "field": ".spec.port",
        }
    ]
    conflict = {"kind": "Status", "code": 409, "reason": "Conflict", "details": {"causes": causes}}
    fake.always("PATCH", OBJECT, Answer(409, conflict))
    answer = await visitor.post("/api/preview", form(uid="uid-of-mail", spec={**SPEC, "port": 465}))
    assert answer.status == 409
    assert answer.json["fields"] == [{"field": "spec.port", "manager": "kubectl-client-side-apply"}]
    assert "spec.port (kubectl-client-side-apply)" in answer.json["error"]


async def test_a_field_that_cannot_be_removed_is_a_conflict(visitor: PageVisitor, fake: FakeApi) -> None:
    owned = {"manager": "kubectl", "fieldsV1": {"f:spec": {"f:recipients": {"f:cc": {}}}}}
    before = stored({"recipients": {"cc": ["b@example.com"]}}, managedFields=[owned])
    fake.always("GET", OBJECT, Answer(body=before))
    fake.always("PATCH", OBJECT, Answer(body=before))
    answer = await visitor.post("/api/preview", form(uid="uid-of-mail"))
    assert answer.status == 409
    assert answer.json["fields"] == [{"field": "spec.recipients.cc", "manager": "kubectl"}]


@pytest.mark.parametrize(
    ("metadata", "owner"),
    [
        ({"annotations": {"argocd.argoproj.io/tracking-id": "x"}}, "Argo CD"),
        ({"labels": {"argocd.argoproj.io/instance": "x"}}, "Argo CD"),
        ({"labels": {"kustomize.toolkit.fluxcd.io/name": "x"}}, "Flux"),
        ({"labels": {"helm.toolkit.fluxcd.io/name": "x"}}, "Flux"),
        ({"labels": {"app.kubernetes.io/managed-by": "Helm"}}, "Helm"),
        ({"annotations": {"meta.helm.sh/release-name": "x"}}, "Helm"),
        ({"managedFields": [{"manager": "argocd-controller", "fieldsV1": {"f:spec": {}}}]}, "Argo CD"),
        ({"managedFields": [{"manager": "kustomize-controller", "fieldsV1": {"f:spec": {}}}]}, "Flux"),
        ({"ownerReferences": [{"kind": "App", "name": "shop", "controller": True}]}, "App shop"),
    ],
)
async def test_an_object_with_an_owner_is_not_changed(
    visitor: PageVisitor, fake: FakeApi, metadata: Json, owner: str
) -> None:
    fake.always("GET", OBJECT, Answer(body=stored(None, **metadata)))
    for path in ("/api/preview", "/api/submit"):
        answer = await visitor.post(path, form(uid="uid-of-mail", generation=1))
        assert answer.status == 409
        assert answer.json["error"].startswith(f"{owner} owns SmtpConfig team-a/mail and would revert")
    assert fake.asked("PATCH", OBJECT) == []


async def test_a_typed_password_goes_into_a_secret(visitor: PageVisitor, fake: FakeApi) -> None:
    typed = {"value": "s3cret", "secretName": "mail-password", "bind": True}
    filled = form(spec={**SPEC, "username": "a"}, inputText=typed)
    reference = {"secretRef": {"name": "mail-password", "key": "password"}}
    fake.always("GET", OBJECT, Answer(404))
    fake.always("GET", f"{SECRETS}/mail-password", Answer(404))
    fake.always("PATCH", f"{SECRETS}/mail-password", Answer(body={"metadata": {"name": "mail-password"}}))
    fake.always("PATCH", OBJECT, Answer(body=stored({"username": "a", "password": reference})))
    preview = await visitor.post("/api/preview", filled)
    answer = await visitor.post("/api/submit", filled)
    assert answer.status == 200
    assert "s3cret" not in preview.text + answer.text
    assert preview.json["secret"] == (
        "The password is stored in the Secret mail-password, key password. It may be sent to"
        " smtp.example.com:587 only."
    )
    dry_run, written = fake.asked("PATCH", f"{SECRETS}/mail-password")
    assert dry_run.query["dryRun"] == "All"
    assert written.body["data"] == {"password": "czNjcmV0"}
    assert written.body["metadata"]["annotations"] == {
        "smtp-operator.io/allowed-servers": "smtp.example.com:587"
    }
    for request in fake.seen:
        if request.path.startswith(SECRETS):  # no response has the Secret's data
            assert "PartialObjectMetadata" in request.headers["Accept"]
    assert fake.asked("PATCH", OBJECT)[-1].body["spec"]["password"] == reference


async def test_a_secret_of_others_is_not_overwritten(visitor: PageVisitor, fake: FakeApi) -> None:
    typed = {"value": "s3cret", "secretName": "theirs"}
    fake.always("GET", OBJECT, Answer(404))
    fake.always("GET", f"{SECRETS}/theirs", Answer(body={"metadata": {"name": "theirs"}}))
    reference = {"secretRef": {"name": "theirs", "key": "password"}}
    fake.always("PATCH", OBJECT, Answer(body=stored({"username": "a", "password": reference})))
    for path in ("/api/preview", "/api/submit"):
        answer = await visitor.post(path, form(spec={**SPEC, "username": "a"}, inputText=typed))
        assert answer.status == 409
        assert "exists already, and this page did not create it" in answer.json["error"]
    assert fake.asked("PATCH", f"{SECRETS}/theirs") == []


async def test_an_inline_password_stays_and_is_never_written(visitor: PageVisitor, fake: FakeApi) -> None:
    inline = {"username": "a", "password": {"value": "s3cret"}}
    fake.always("GET", OBJECT, Answer(body=stored(inline)))
    fake.always("PATCH", OBJECT, Answer(body=stored({**inline, "port": 465})))
    kept = form(uid="uid-of-mail", spec={**SPEC, "username": "a", "port": 465}, keepPassword=True)
    preview = await visitor.post("/api/preview", kept)
    assert preview.status == 200
    assert "s3cret" not in preview.text
    (patch,) = fake.asked("PATCH", OBJECT)
    assert patch.body["spec"] == {"port": 465}
    for spec in ({**SPEC, "username": "a", "password": {"value": "x"}}, {**SPEC, "username": "a"}):
        refused = await visitor.post("/api/preview", form(spec=spec))
        assert refused.status in (400, 422)


async def test_problems_name_fields_and_never_the_password(visitor: PageVisitor) -> None:
    typed = {"value": "s3cret" * 1000, "secretName": "Not A Name"}
    answer = await visitor.post("/api/preview", form(spec=SPEC, inputText=typed))
    assert answer.status == 422
    assert {it["field"] for it in answer.json["problems"]} == {"inputText.value", "inputText.secretName"}
    assert "s3cret" not in answer.text
    for value in ("s3cret\n", "s3\tcret", "   "):
        typed = {"value": value, "secretName": "mail"}
        answer = await visitor.post("/api/preview", form(spec={**SPEC, "username": "a"}, inputText=typed))
        problem = {"field": "inputText.value", "text": "must be one line of text without control characters"}
        assert answer.json["problems"] == [problem]
    spec = {"server": "http://x", "port": 0, "from": "nobody", "smtpType": "SSL"}
    answer = await visitor.post("/api/preview", form(spec=spec))
    assert {it["field"] for it in answer.json["problems"]} == {
        "spec.server",
        "spec.port",
        "spec.from",
        "spec.smtpType",
    }


async def test_the_yaml_to_copy_has_no_password(page: ServedPage, visitor: PageVisitor) -> None:
    typed = {"value": "s3cret", "secretName": "mail-password"}
    found = (await visitor.post("/api/yaml", form(spec={**SPEC, "username": "a"}, inputText=typed))).json
    assert "kubectl create secret generic mail-password -n team-a" in found["yaml"]
    assert "name: mail-password" in found["yaml"]
    assert "s3cret" not in json.dumps(found)
    assert page.session.token not in json.dumps(found)


async def test_a_policy_says_why_it_denies(visitor: PageVisitor, fake: FakeApi) -> None:
    message = (
        "smtpconfigs \"mail\" is forbidden: ValidatingAdmissionPolicy 'x' with binding 'x' denied request:"
        " you are not allowed to get the Secret"
    )
    fake.always("GET", OBJECT, Answer(404))
    fake.always("PATCH", OBJECT, Answer(422, {"kind": "Status", "code": 422, "message": message}))
    answer = await visitor.post("/api/preview", form())
    assert answer.status == 422
    assert answer.json["error"] == "you are not allowed to get the Secret"


async def test_a_change_since_the_preview_is_not_overwritten(visitor: PageVisitor, fake: FakeApi) -> None:
    fake.always("GET", OBJECT, Answer(body=stored(None, generation=2)))
    answer = await visitor.post("/api/submit", form(uid="uid-of-mail", generation=1))
    assert answer.status == 409
    assert answer.json["error"] == "Someone changed this SmtpConfig since the preview. Open it again."
    answer = await visitor.post("/api/submit", form(uid="another", generation=2))
    assert answer.json["error"] == "SmtpConfig team-a/mail was deleted or replaced since you opened it."
    answer = await visitor.post("/api/submit", form())
    assert "exists already" in answer.json["error"]
    assert fake.asked("PATCH", OBJECT) == []


async def test_a_password_of_another_manager_cannot_be_replaced(visitor: PageVisitor, fake: FakeApi) -> None:
    """Both sources together are invalid: the refusal of the API server names no manager."""
    fields: Json = {"f:spec": {"f:password": {"f:secretRef": {"f:name": {}}}}}
    before = {"username": "a", "password": {"secretRef": {"name": "theirs"}}}
    owned = stored(before, managedFields=[{"manager": "kubectl", "operation": "Update", "fieldsV1": fields}])
    fake.always("GET", OBJECT, Answer(body=owned))
    fake.always(
        "PATCH", OBJECT, Answer(422, {"code": 422, "details": {"causes": [{"field": "spec.password"}]}})
    )
    reference = {"vaultRef": {"name": "bao"}, "path": "mail"}
    spec = {**SPEC, "username": "a", "password": {"hashiCorpVault": reference}}
    answer = await visitor.post("/api/preview", form(uid="uid-of-mail", spec=spec))
    assert answer.status == 409
    assert answer.json["fields"] == [{"field": "spec.password.secretRef", "manager": "kubectl"}]


async def test_an_unexpected_error_shows_no_text_of_it(
    visitor: PageVisitor, fake: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: object) -> None:
        raise RuntimeError("s3cret")

    monkeypatch.setattr("smtp_operator.cli.kubectl.ui.server.draft_of", fail)
    answer = await visitor.post("/api/yaml", form())
    assert answer.status == 500
    assert answer.json["error"].startswith("Unexpected error: RuntimeError at test_ui_submits_a_form.py")
    assert "s3cret" not in answer.text
