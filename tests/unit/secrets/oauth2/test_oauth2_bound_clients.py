# SPDX-License-Identifier: Apache-2.0
"""Values bound to a token endpoint go only there, even if another user edits the ConfigMap of its CA."""

from typing import Any

import pytest

from smtp_operator.api.reasons import Retry
from smtp_testkit.mailpeers.fingerprints import fingerprint
from smtp_testkit.mailpeers.tokentrial import SECRET, TokenTrial

AUDIENCE = "api://AzureADTokenExchange"
FEDERATED: dict[str, Any] = {"clientSecretRef": ..., "serviceAccountRef": {"name": "mailer"}}


def bind(trial: TokenTrial, **more: str) -> None:
    """Bind the Secret and the ServiceAccount to the endpoint."""
    annotations = {f"smtp-operator.io/{name.replace('_', '-')}": value for name, value in more.items()}
    annotations["smtp-operator.io/allowed-servers"] = f"localhost:{trial.endpoint.port}"
    trial.secret("mail-app", {"client-secret": SECRET}, annotations)
    trial.accounts.annotations["mailer"] = annotations | {"smtp-operator.io/allowed-audiences": AUDIENCE}


@pytest.mark.parametrize(
    ("by", "owner"),
    [({}, "Secret team-a/mail-app"), (FEDERATED, "ServiceAccount team-a/mailer")],
    ids=["secret", "account"],
)
async def test_a_ca_that_its_owner_does_not_admit_redirects_no_client_secret(
    trial: TokenTrial, by: dict[str, Any], owner: str
) -> None:
    bind(trial)

    verdict = await trial.verdict(**by)

    assert trial.endpoint.forms == []
    assert (verdict.reason, verdict.retry) == ("CaNotAllowed", Retry.CONFIGURATION)
    assert verdict.message == (
        f"The certificate of localhost:{trial.endpoint.port} was not issued by a CA that {owner} admits [in"
        f" Token]. {owner} is bound to its servers, so oauth2.caRef alone cannot add a CA. If this CA is"
        " correct, ask the owner to add it to the annotation smtp-operator.io/allowed-ca:"
        f" {fingerprint(trial.endpoint.ca_pem)}; or ask the cluster admin to add it to the operator's"
        " --ca-file."
    )


async def test_a_ca_that_its_owner_admits_verifies_the_endpoint(trial: TokenTrial) -> None:
    bind(trial, allowed_ca=fingerprint(trial.endpoint.ca_pem))

    assert await trial.token()


async def test_a_consent_that_came_later_asks_at_once(trial: TokenTrial) -> None:
    bind(trial)
    await trial.verdict()

    bind(trial, allowed_ca=fingerprint(trial.endpoint.ca_pem))

    assert await trial.token()


async def test_the_name_of_its_endpoint_is_looked_up_without_search_domains(trial: TokenTrial) -> None:
    await trial.token()
    assert trial.names.absolute == []

    bind(trial)
    trial.names.unknown = {"localhost"}
    verdict = await trial.verdict()

    assert trial.names.absolute == ["localhost"]
    assert verdict.message.endswith(
        "; the server of a bound value is looked up without search domains: use the full name of a"
        " Service, NAME.NAMESPACE.svc.cluster.local."
    )
