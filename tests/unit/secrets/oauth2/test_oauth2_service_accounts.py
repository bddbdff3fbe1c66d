# SPDX-License-Identifier: Apache-2.0
"""A ServiceAccount's token: asked for where its owner allows it, and none that opens the API server."""

from typing import Any

import pytest

from smtp_operator.api.errors import AccessDenied, ApiUnavailable, ObjectNotFound, RequestRefused
from smtp_operator.api.reasons import Retry
from smtp_testkit.mailpeers.tokentrial import TokenTrial

AUDIENCE = "api://AzureADTokenExchange"
FEDERATED: dict[str, Any] = {"clientSecretRef": ..., "serviceAccountRef": {"name": "mailer"}}
NAMED = "ServiceAccount team-a/mailer"
ALLOWED = {"smtp-operator.io/allowed-audiences": AUDIENCE}


async def test_a_service_account_that_does_not_exist(trial: TokenTrial) -> None:
    verdict = await trial.verdict(**FEDERATED)

    assert (verdict.reason, verdict.retry) == ("ServiceAccountNotFound", Retry.DEPENDENCY)
    assert verdict.message == (
        f"{NAMED} does not exist (named by spec.oauth2.serviceAccountRef). Create it; the test is then"
        " repeated automatically."
    )


@pytest.mark.parametrize("annotations", [{}, {"smtp-operator.io/allowed-audiences": f"vault,{AUDIENCE}/x"}])
async def test_an_audience_that_the_owner_does_not_allow(
    trial: TokenTrial, annotations: dict[str, str]
) -> None:
    trial.accounts.annotations["mailer"] = annotations

    verdict = await trial.verdict(**FEDERATED)

    assert (verdict.reason, verdict.retry) == ("AudienceNotAllowed", Retry.DEPENDENCY)
    assert verdict.message == (
        f'{NAMED} does not allow tokens for audience "{AUDIENCE}" (named by'
        " spec.oauth2.serviceAccountRef). Ask its owner to add the annotation"
        f" smtp-operator.io/allowed-audiences: {AUDIENCE}"
    )
    assert trial.accounts.asked == []


async def test_a_token_that_opens_the_api_server_is_sent_nowhere(trial: TokenTrial) -> None:
    trial.accounts.annotations["mailer"] = ALLOWED
    trial.accounts.opens = True

    verdict = await trial.verdict(**FEDERATED)

    assert (verdict.reason, verdict.retry) == ("AudienceNotAllowed", Retry.CONFIGURATION)
    assert verdict.message == (
        f'A token for audience "{AUDIENCE}" would also open the API server, so the operator does not send'
        f" it. Set oauth2.serviceAccountRef.audience to {AUDIENCE} or the audience that your provider"
        " expects."
    )
    assert trial.endpoint.forms == []


async def test_the_operator_may_not_read_it(trial: TokenTrial) -> None:
    trial.accounts.fails_with = AccessDenied("403")

    verdict = await trial.verdict(**FEDERATED)

    assert verdict.reason == "SecretAccessDenied"
    assert verdict.message == (
        f"The operator may not read {NAMED} (named by spec.oauth2.serviceAccountRef): its role lacks get on"
        " serviceaccounts in namespace team-a. Grant it for this ServiceAccount alone, by resourceNames."
    )


async def test_the_operator_may_not_ask_for_its_token(trial: TokenTrial) -> None:
    trial.accounts.annotations["mailer"] = ALLOWED
    trial.accounts.refuses_with = AccessDenied("403")

    verdict = await trial.verdict(**FEDERATED)

    assert verdict.reason == "SecretAccessDenied"
    assert verdict.message == (
        f"The operator may not ask for a token of {NAMED} (named by spec.oauth2.serviceAccountRef): its role"
        " lacks create on serviceaccounts/token in namespace team-a. Grant it for this ServiceAccount"
        " alone, by"
        " resourceNames."
    )


async def test_the_api_server_issues_no_such_token(trial: TokenTrial) -> None:
    trial.accounts.annotations["mailer"] = ALLOWED
    trial.accounts.refuses_with = RequestRefused("422")

    verdict = await trial.verdict(**FEDERATED)

    assert (verdict.reason, verdict.retry) == ("ServiceAccountTokenFailed", Retry.SLOW)
    assert verdict.message == (
        f'The API server issues no token of {NAMED} for audience "{AUDIENCE}". Set'
        " oauth2.serviceAccountRef.audience to the audience that the identity provider expects."
    )


async def test_a_service_account_deleted_in_between(trial: TokenTrial) -> None:
    trial.accounts.annotations["mailer"] = ALLOWED
    trial.accounts.refuses_with = ObjectNotFound("404")

    assert (await trial.verdict(**FEDERATED)).reason == "ServiceAccountNotFound"


async def test_an_api_server_that_is_away_is_no_verdict(trial: TokenTrial) -> None:
    trial.accounts.fails_with = ApiUnavailable("503")

    with pytest.raises(ApiUnavailable):
        await trial.token(**FEDERATED)


async def test_its_annotation_binds_its_tokens(trial: TokenTrial) -> None:
    bound = {"smtp-operator.io/allowed-servers": "smtp.example.com:587"}
    trial.accounts.annotations["mailer"] = ALLOWED | bound

    verdict = await trial.verdict(**FEDERATED)

    assert verdict.reason == "ServerNotAllowed"
    assert verdict.message.startswith(f"{NAMED} does not allow server localhost:")


async def test_an_audience_that_is_withdrawn_ends_the_token_that_is_there(trial: TokenTrial) -> None:
    trial.accounts.annotations["mailer"] = ALLOWED
    trial.endpoint.answers.append((200, b'{"access_token":"t0ken","expires_in":3599}', {}))
    await trial.token(**FEDERATED)

    trial.accounts.annotations["mailer"] = {}

    assert (await trial.verdict(**FEDERATED)).reason == "AudienceNotAllowed"


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (
            70021,
            "The application has no federated credential for subject"
            f' "system:serviceaccount:team-a:mailer" with audience "{AUDIENCE}". Add one in Entra ID'
            " with these two and the cluster's issuer. The issuer must be public, not the default"
            " https://kubernetes.default.svc.cluster.local.",
        ),
        (
            700211,
            "The application's federated credential is for another issuer. Set it there to the cluster's"
            " issuer, which must be public, not the default https://kubernetes.default.svc.cluster.local.",
        ),
        (
            700212,
            f'The application\'s federated credential is for another audience than "{AUDIENCE}". Set'
            f" oauth2.serviceAccountRef.audience to the one it lists, usually {AUDIENCE}.",
        ),
        (
            700213,
            "The application's federated credential is for another subject than"
            ' "system:serviceaccount:team-a:mailer". Set it there to this one.',
        ),
        (
            7002138,
            "The application's federated credential writes the subject"
            ' "system:serviceaccount:team-a:mailer" in a different case. Set it there to exactly this'
            " subject.",
        ),
    ],
)
async def test_entra_id_does_not_know_the_workload(trial: TokenTrial, number: int, hint: str) -> None:
    trial.accounts.annotations["mailer"] = ALLOWED
    told = (
        f'{{"error":"invalid_client","error_codes":[{number}],"error_description":"AADSTS{number}: a.b.c"}}'
    )
    trial.endpoint.answers.append((401, told.encode(), {}))

    verdict = await trial.verdict(**FEDERATED)

    assert verdict.reason == "OAuthTokenFailed"
    assert verdict.message == (
        "localhost issued no access token to client 6731de76 [in Token, HTTP status 401,"
        f" error invalid_client, AADSTS{number}]. {hint}"
    )
