# SPDX-License-Identifier: Apache-2.0
"""Tests, their phases, the queue and the requests are counted; nothing that somebody wrote is."""

from collections.abc import Callable

import pytest
from prometheus_client import generate_latest

from smtp_operator.api.errors import ApiUnavailable, ClusterError
from smtp_operator.api.objects import ObjectKey, ObjectVersion
from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import Phase
from smtp_operator.cluster.client import KubernetesClient
from smtp_operator.cluster.status_writer import StatusWriter
from smtp_operator.metrics.definitions import METRICS, Type
from smtp_operator.metrics.registry import Metrics
from smtp_operator.network.https import HttpsRequest
from smtp_operator.network.https import HttpsResponse as HttpsAnswer
from smtp_operator.network.https_errors import ErrorKind, HttpsError
from smtp_operator.secrets.vaults.metrics import CountingSender, outcome_of
from smtp_testkit.fakeapi import Answer, FakeApi
from smtp_testkit.simulation import World, fails, passes
from smtp_testkit.testbed.exposition import Exposition

Scrape = Callable[[], Exposition]

TESTS = "smtp_operator_tests_total"
PHASES = "smtp_operator_phase_duration_seconds_count"
CONFIG = "/apis/smtp-operator.io/v1alpha1/namespaces/team-a/smtpconfigs/mail"

fake_clock = pytest.mark.looptime(noop_cycles=0)


@fake_clock
async def test_a_test_that_passed_is_counted_with_its_phases(world: World, scrape: Scrape) -> None:
    world.smtp_config().create()
    await world.passes(1)
    assert scrape().samples(TESTS) == {("SendEmail", "TestEmailSent", "passed", "SpecChanged"): 1}
    assert scrape().samples(PHASES) == {
        (phase,): 1
        for phase in ("Resolve", "Connect", "Banner", "Ehlo", "StartTls", "Tls", "MailFrom", "RcptTo", "Data")
    }


@fake_clock
async def test_a_failure_is_counted_by_its_reason(world: World, scrape: Scrape) -> None:
    world.engine.script(fails(Reason.CONNECT_TIMEOUT, seconds=7.0))
    world.smtp_config().create()
    await world.passes(8)
    assert scrape().samples(TESTS) == {("SendEmail", "ConnectTimeout", "failed", "SpecChanged"): 1}
    assert scrape().samples("smtp_operator_test_duration_seconds_sum") == {("SendEmail", "failed"): 7.0}
    buckets = scrape().samples("smtp_operator_phase_duration_seconds_bucket")
    assert (buckets["5.0", "Connect"], buckets["10.0", "Connect"]) == (0, 1)


@fake_clock
async def test_a_recheck_is_told_from_a_first_test(world: World, scrape: Scrape) -> None:
    world.smtp_config().create(recheck={"interval": "1h", "mode": "Connect"})
    await world.passes(2 * 3600)
    assert scrape().samples(TESTS)["Connect", "Connected", "passed", "Recheck"] == 1


@fake_clock
async def test_rejected_logins_are_summed_over_all_namespaces(world: World, scrape: Scrape) -> None:
    world.engine.always(fails(Reason.AUTHENTICATION_FAILED, phase=Phase.AUTH, reply="535 5.7.8"))
    for namespace in ("team-a", "team-b"):
        for number in range(7):
            mail = world.smtp_config(f"mail-{number}", namespace)
            mail.create(username="mailer", password={"value": f"guess-{number}"})
    await world.passes(60)
    assert scrape().samples("smtp_operator_rejected_logins_total") == {(): 10}
    assert scrape().samples("smtp_operator_held_tests_total") == {
        ("TestsLimited",): 0,
        ("EmailsLimited",): 0,
        ("LoginAttemptsLimited",): 4,
    }


@fake_clock
async def test_what_is_due_and_waits_is_the_depth_of_the_queue(world: World, scrape: Scrape) -> None:
    world.engine.always(passes(seconds=40.0))
    for number in range(7):
        world.smtp_config(f"mail-{number}").create()
    await world.passes(30)
    now = scrape()
    assert now.samples("smtp_operator_queue_running") == {(): 5}
    assert now.samples("smtp_operator_queue_depth") == {(): 2}
    assert now.samples("smtp_operator_queue_oldest_due_seconds")[()] == pytest.approx(30, abs=1)


@fake_clock
async def test_a_recheck_of_a_later_time_does_not_wait(world: World, scrape: Scrape) -> None:
    world.smtp_config().create()
    await world.passes(60)
    now = scrape()
    assert now.samples("smtp_operator_queue_depth") == {(): 0}
    assert now.samples("smtp_operator_queue_oldest_due_seconds") == {(): 0}


@fake_clock
async def test_the_number_of_series_does_not_grow_with_what_servers_and_users_write(
    world: World, scrape: Scrape
) -> None:
    world.put_secret(password="hunter2-secret")
    await world.passes(60)
    refused = fails(
        Reason.AUTHENTICATION_FAILED, message="535 go away, says mx.example.net", reply="535 5.7.8"
    )
    world.engine.always(refused)
    for number in range(20):
        recipients = {"to": ["ops@example.com"], "bcc": [f"auditor-{number}@example.com"]}
        username = f"mailer-{number}@example.com"
        world.smtp_config(f"mail-{number}").create_with_login(recipients=recipients, username=username)
    await world.passes(10)
    text = scrape().text
    of_objects = [line for line in text.splitlines() if 'name="mail-' in line]
    assert len(of_objects) == 20
    for written in ("auditor", "hunter2", "5.7.8", "example."):
        assert written not in text
    # A time or a count may happen to hold these digits, the name of a series may not.
    series = [line if line.startswith("#") else line.rpartition(" ")[0] for line in text.splitlines()]
    assert not [line for line in series if "535" in line]


async def test_each_answer_of_the_api_server_is_counted(fake: FakeApi, client: KubernetesClient) -> None:
    metrics = Metrics(leads=lambda: True)
    client.traffic = metrics
    fake.on("GET", "/version", Answer(body={}), Answer(503), *[Answer(cut=True)] * 2)
    await client.request("GET", "/version")
    for _ in range(2):
        with pytest.raises(ApiUnavailable):
            await client.request("GET", "/version")
    now = Exposition(generate_latest(metrics.registry).decode())
    assert now.samples("smtp_operator_api_requests_total") == {
        ("200", "GET"): 1,
        ("503", "GET"): 1,
        ("error", "GET"): 1,
    }


async def test_a_status_that_meets_a_changed_object_is_a_conflict(
    fake: FakeApi, client: KubernetesClient
) -> None:
    metrics = Metrics(leads=lambda: True)
    client.traffic = metrics
    fake.on("PATCH", f"{CONFIG}/status", Answer(409), Answer(body={"metadata": {"resourceVersion": "9"}}))
    identity = {"uid": "u", "generation": 1, "resourceVersion": "8"}
    fake.on("GET", CONFIG, Answer(body={"metadata": identity}))
    tested = ObjectVersion(key=ObjectKey("team-a", "mail"), uid="u", generation=1, resource_version="7")
    assert await StatusWriter(client).write(tested, {}) == "9"
    now = Exposition(generate_latest(metrics.registry).decode())
    assert now.samples("smtp_operator_status_write_conflicts_total") == {(): 1}


class Vault:
    """Answers one request as it is told, after two seconds."""

    def __init__(self, answer: HttpsAnswer | Exception) -> None:
        self.answer = answer
        self.time = 0.0

    def monotonic(self) -> float:
        return self.time

    async def send(self, request: HttpsRequest) -> HttpsAnswer:
        self.time += 2.0
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (HttpsAnswer(200, {}, b""), "ok"),
        (HttpsAnswer(403, {}, b""), "refused"),
        (HttpsAnswer(503, {}, b""), "failed"),
        (HttpsError(ErrorKind.REFUSED, "vault.example.com", 443), "unreachable"),
    ],
)
async def test_each_request_to_a_vault_is_counted_by_its_outcome(
    metrics: Metrics, scrape: Scrape, answer: HttpsAnswer | Exception, outcome: str
) -> None:
    vault = Vault(answer)
    sender = CountingSender(vault, provider="hashiCorpVault", observer=metrics, monotonic=vault.monotonic)
    request = HttpsRequest(method="GET", url="https://vault.example.com/v1/secret")
    if isinstance(answer, Exception):
        with pytest.raises(HttpsError):
            await sender.send(request)
    else:
        assert await sender.send(request) is answer
    assert scrape().samples("smtp_operator_vault_calls_total") == {(outcome, "hashiCorpVault"): 1}
    assert scrape().samples("smtp_operator_vault_call_duration_seconds_sum") == {("hashiCorpVault",): 2.0}


@pytest.mark.parametrize(
    ("status", "outcome"),
    [(200, "ok"), (204, "ok"), (302, "refused"), (404, "refused"), (429, "throttled"), (500, "failed")],
)
def test_an_http_status_counts_as(status: int, outcome: str) -> None:
    assert outcome_of(status) == outcome


@pytest.mark.parametrize("leads", [True, False])
def test_who_leads_is_told(leads: bool) -> None:
    now = Exposition(generate_latest(Metrics(leads=lambda: leads).registry).decode())
    assert now.samples("smtp_operator_leader") == {(): int(leads)}


@fake_clock
async def test_every_metric_of_the_table_is_served_and_no_other(
    world: World, metrics: Metrics, scrape: Scrape
) -> None:
    world.smtp_config().create()
    await world.passes(1)
    metrics.answered("GET", 200)
    metrics.vault_called("azureKeyVault", "ok", 0.1)
    served = {
        (name, it.type, it.documentation)
        for name, it in scrape().families.items()
        if not name.startswith("process_")
    }
    assert served == {(it.name.removesuffix("_total"), str(it.type), it.help) for it in METRICS}


def test_names_end_with_their_unit() -> None:
    for metric in METRICS:
        assert metric.name.startswith("smtp_operator_")
        assert metric.name.endswith("_total") == (metric.type is Type.COUNTER), metric.name
        if metric.type is Type.HISTOGRAM:
            assert metric.name.endswith("_seconds")
            assert list(metric.buckets) == sorted(set(metric.buckets))


async def test_a_request_that_was_refused_is_still_raised(fake: FakeApi, client: KubernetesClient) -> None:
    client.traffic = Metrics(leads=lambda: True)
    fake.on("GET", "/version", Answer(403))
    with pytest.raises(ClusterError):
        await client.request("GET", "/version")
