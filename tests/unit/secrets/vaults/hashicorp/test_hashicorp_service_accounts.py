# SPDX-License-Identifier: Apache-2.0
"""Login by tokens of a real API server's ServiceAccounts: by its keys, and by asking it (TokenReview)."""

import json
from typing import Any

import pytest

from smtp_testkit.openbao import OpenBao
from smtp_testkit.openbao.trial import BaoTrial
from smtp_testkit.testbed import Api
from smtp_tools.localcluster import LocalCluster

READ_MAIL = 'path "secret/data/mail/*" { capabilities = ["read"] }'


@pytest.fixture
def mailer(api: Api, cluster: LocalCluster, trial: BaoTrial, namespace: str) -> str:
    """The ServiceAccount's subject; the trial requests its tokens from the API server."""
    account = {"metadata": {"name": "mailer"}}
    api.create(f"/api/v1/namespaces/{namespace}/serviceaccounts", account)

    def token(audience: str) -> str:
        words = ["create", "token", "mailer", f"--namespace={namespace}", f"--audience={audience}"]
        return cluster.kubectl(*words).stdout.strip()

    trial.named.token_for = token
    return f"system:serviceaccount:{namespace}:mailer"


def log_in_at(trial: BaoTrial, mount: str) -> None:
    trial.log_in_by(jwt={"role": "smtp", "mount": mount, "serviceAccountRef": {"name": "mailer"}})


@pytest.fixture
def jwt(bao: OpenBao, cluster: LocalCluster, trial: BaoTrial, mailer: str, namespace: str) -> str:
    """The mount of a method `jwt` that knows the API server's keys, with the role `smtp` for the mailer."""
    mount = f"jwt-{namespace}"
    discovery = json.loads(cluster.kubectl("get", "--raw", "/.well-known/openid-configuration").stdout)
    jwks = cluster.kubectl("get", "--raw", "/openid/v1/jwks").stdout
    bao.know_cluster(issuer=discovery["issuer"], jwks=jwks, mount=mount)
    bao.jwt_role("smtp", "mail", subject=mailer, mount=mount)
    log_in_at(trial, mount)
    return mount


@pytest.fixture
def kubernetes(bao: OpenBao, cluster: LocalCluster, trial: BaoTrial, mailer: str, namespace: str) -> str:
    """The mount of a method `kubernetes` that asks the API server, with the role `smtp` for the mailer."""
    mount = f"kubernetes-{namespace}"
    cluster.kubectl("create", "serviceaccount", "reviewer", f"--namespace={namespace}")
    subject = f"--serviceaccount={namespace}:reviewer"
    cluster.kubectl("create", "clusterrolebinding", mount, "--clusterrole=system:auth-delegator", subject)
    reviewer = cluster.kubectl("create", "token", "reviewer", f"--namespace={namespace}").stdout.strip()
    bao.call("POST", f"sys/auth/{mount}", type="kubernetes")
    bao.call(
        "POST",
        f"auth/{mount}/config",
        kubernetes_host=cluster.url,
        kubernetes_ca_cert=cluster.ca_file.read_text(),
        token_reviewer_jwt=reviewer,
    )
    bao.call(
        "POST",
        f"auth/{mount}/role/smtp",
        bound_service_account_names=["mailer"],
        bound_service_account_namespaces=[namespace],
        audience="vault",
        token_policies=["mail"],
    )
    log_in_at(trial, mount)
    return mount


async def test_a_service_account_is_known_by_the_api_servers_keys(trial: BaoTrial, jwt: str) -> None:
    assert (await trial.read()).value == "s3cret"


async def test_a_service_account_is_known_by_asking_the_api_server(trial: BaoTrial, kubernetes: str) -> None:
    assert (await trial.read()).value == "s3cret"


@pytest.mark.usefixtures("mailer")
@pytest.mark.parametrize("method", ["jwt", "kubernetes"])
async def test_another_audience(trial: BaoTrial, method: str, request: pytest.FixtureRequest) -> None:
    mount = request.getfixturevalue(method)
    reference: dict[str, Any] = {"name": "mailer", "audience": "elsewhere"}
    trial.log_in_by(jwt={"role": "smtp", "mount": mount, "serviceAccountRef": reference})

    verdict = await trial.verdict()

    assert verdict.reason == "VaultAuthFailed"
    assert 'role "smtp" does not expect audience "elsewhere".' in verdict.message


@pytest.mark.parametrize("method", ["jwt", "kubernetes"])
async def test_another_service_account(
    trial: BaoTrial,
    method: str,
    bao: OpenBao,
    request: pytest.FixtureRequest,
    cluster: LocalCluster,
    namespace: str,
) -> None:
    request.getfixturevalue(method)
    words = ["create", "token", "default", f"--namespace={namespace}", "--audience=vault"]
    trial.named.token_for = lambda audience: cluster.kubectl(*words).stdout.strip()

    verdict = await trial.verdict()

    assert verdict.reason == "VaultAuthFailed"
    subject = f"system:serviceaccount:{namespace}:default"
    assert f'role "smtp" does not accept "{subject}". Set' in verdict.message


async def test_a_reviewer_that_may_not_ask(
    trial: BaoTrial, kubernetes: str, cluster: LocalCluster, bao: OpenBao
) -> None:
    cluster.kubectl("delete", "clusterrolebinding", kubernetes)

    verdict = await trial.verdict()

    assert verdict.reason == "VaultAuthFailed"
    assert "if its token reviewer may not review tokens" in verdict.message
