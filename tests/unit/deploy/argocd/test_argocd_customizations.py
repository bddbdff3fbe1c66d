# SPDX-License-Identifier: Apache-2.0
"""The scripts for Argo CD, run by Lua 5.1 with their own test data, as Argo CD's repository tests its own."""

import re
from typing import Any

import pytest
import yaml
from lupa import lua51

from smtp_testkit.argocd import CUSTOMIZATIONS, Customization, config_map, run
from smtp_testkit.argocd.scenarios import SCENARIOS
from smtp_testkit.kstatus import Kstatus, kstatus

ANNOTATION = "smtp-operator.io/test-requested-at"
SMTP_CONFIG = next(it for it in CUSTOMIZATIONS if it.kind == "SmtpConfig")
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")

HEALTH_TESTS = [(it, test) for it in CUSTOMIZATIONS for test in it.health_tests]
each_health_test = pytest.mark.parametrize(
    ("customization", "test"),
    HEALTH_TESTS,
    ids=[f"{it.kind}-{test['inputPath']}" for it, test in HEALTH_TESTS],
)


@pytest.mark.parametrize(
    ("customization", "test"),
    HEALTH_TESTS,
    ids=[f"{it.kind}-{test['inputPath']}" for it, test in HEALTH_TESTS],
)
def test_the_health_of_each_test_file_is_as_stated(
    customization: Customization, test: dict[str, Any]
) -> None:
    assert run(customization.health, customization.read(test["inputPath"])) == test["healthStatus"]


@pytest.mark.parametrize("customization", CUSTOMIZATIONS, ids=lambda it: it.kind)
def test_every_test_file_is_tested_and_every_scenario_has_one(customization: Customization) -> None:
    stated = {test["inputPath"]: test["healthStatus"]["status"] for test in customization.health_tests}
    there = {f"testdata/{path.name}" for path in customization.folder.glob("testdata/*.yaml")}
    expected = {f"testdata/{it.name}.yaml": it.health for it in SCENARIOS if it.kind == customization.kind}
    assert stated == expected
    assert set(stated) == there


WORDS = {
    Kstatus.CURRENT: {"Healthy"},
    Kstatus.FAILED: {"Degraded"},
    Kstatus.IN_PROGRESS: {"Progressing", "Suspended", "Degraded"},
}


@pytest.mark.parametrize(
    ("customization", "test"),
    HEALTH_TESTS,
    ids=[f"{it.kind}-{test['inputPath']}" for it, test in HEALTH_TESTS],
)
def test_argo_cd_and_kstatus_do_not_contradict_each_other(
    customization: Customization, test: dict[str, Any]
) -> None:
    read = kstatus(customization.read(test["inputPath"])).status
    assert test["healthStatus"]["status"] in WORDS[read]


def test_an_object_without_any_status_is_progressing() -> None:
    object_ = {"metadata": {"generation": 1}}
    for customization in CUSTOMIZATIONS:
        assert run(customization.health, object_)["status"] == "Progressing"


CHANGEABLE = [it for it in CUSTOMIZATIONS if it.kind != "SmtpTest"]


@pytest.mark.parametrize("customization", CHANGEABLE, ids=lambda it: it.kind)
def test_a_good_verdict_on_an_older_spec_is_none(customization: Customization) -> None:
    healthy = next(it for it in customization.health_tests if it["healthStatus"]["status"] == "Healthy")
    object_ = customization.read(healthy["inputPath"])
    object_["metadata"]["generation"] += 1
    assert run(customization.health, object_) == {
        "status": "Progressing",
        "message": "Waiting for the operator's verdict on this spec",
    }


def test_conditions_of_others_say_nothing() -> None:
    object_ = SMTP_CONFIG.read("testdata/passed.yaml")
    theirs = {"type": "example.com/Stalled", "status": "True", "reason": "Theirs", "message": "Theirs."}
    object_["status"]["conditions"].insert(0, theirs)
    assert run(SMTP_CONFIG.health, object_)["status"] == "Healthy"


def test_both_kinds_of_vaults_are_judged_alike() -> None:
    namespaced, cluster_wide = (it.health for it in CUSTOMIZATIONS if it.kind.endswith("Vault"))
    assert namespaced == cluster_wide


ACTION_TESTS = SMTP_CONFIG.read("actions/action_test.yaml")


@pytest.mark.parametrize("test", ACTION_TESTS["discoveryTests"], ids=lambda it: it["inputPath"])
def test_actions_are_discovered_as_stated(test: dict[str, Any]) -> None:
    found = run(SMTP_CONFIG.discovery, SMTP_CONFIG.read(f"actions/{test['inputPath']}"))
    assert [{"name": name, **action} for name, action in found.items()] == test["result"]


def test_every_action_that_is_discovered_has_a_script() -> None:
    assert set(run(SMTP_CONFIG.discovery, {"metadata": {}})) == set(SMTP_CONFIG.actions)


@pytest.mark.parametrize("test", ACTION_TESTS["actionTests"], ids=lambda it: it["inputPath"])
def test_an_action_changes_the_object_as_stated(test: dict[str, Any]) -> None:
    """But for the time, which Argo CD's own tests leave out likewise."""
    object_ = SMTP_CONFIG.read(f"actions/{test['inputPath']}")
    expected = SMTP_CONFIG.read(f"actions/{test['expectedOutputPath']}")

    changed = run(SMTP_CONFIG.actions[test["action"]], object_)

    assert TIME.fullmatch(changed["metadata"]["annotations"][ANNOTATION])
    changed["metadata"]["annotations"][ANNOTATION] = expected["metadata"]["annotations"][ANNOTATION]
    # An empty list and an empty map are the same to Lua.
    assert _without_empty(changed) == _without_empty(expected)


def _without_empty(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_empty(child) for key, child in value.items() if child not in ({}, [])}
    return [_without_empty(child) for child in value] if isinstance(value, list) else value


def test_argocd_cm_holds_the_very_scripts() -> None:
    data = config_map()["data"]
    for it in CUSTOMIZATIONS:
        assert data.pop(f"resource.customizations.health.smtp-operator.io_{it.kind}") == it.health
    actions = yaml.safe_load(data.pop("resource.customizations.actions.smtp-operator.io_SmtpConfig"))
    assert actions == {
        "discovery.lua": SMTP_CONFIG.discovery,
        "definitions": [{"name": "test", "action.lua": SMTP_CONFIG.actions["test"]}],
    }
    assert data == {}


@pytest.mark.parametrize("code", ["io.open('x')", "os.execute('x')", "require('io')", "python.eval('1')"])
def test_the_machine_offers_no_more_than_argo_cds(code: str) -> None:
    with pytest.raises(lua51.LuaError):
        run(f"{code} return {{}}", {})
