# SPDX-License-Identifier: Apache-2.0
"""The two judges of a manifest: the models, which need no cluster, and a real API server with our CRDs.

Both say the same of every manifest. A test that asks for `judge` (of a SmtpConfig), `vault_judge` (of a
SmtpVault) or `cluster_vault_judge` (of a ClusterSmtpVault) runs once with each of them.
"""

import http.client
import json
import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from pydantic import ValidationError

from smtp_operator.api.crd import CLUSTER_SMTP_VAULT, SMTP_CONFIG, SMTP_VAULT, CustomResource
from smtp_operator.api.names import API_VERSION
from smtp_tools.localcluster import LocalCluster

Fragment = dict[str, Any]
"""Fields of spec that a test is about; `...` stands for a field that is left out."""

_DRY_RUN = "?dryRun=All&fieldValidation=Strict"
_VALUE = re.compile(r'Invalid value: (?:"(?:[^"\\]|\\.)*": |[-+.0-9e]+: )?')


@dataclass(frozen=True, eq=False)
class KindWithSpec:
    """A kind, and a sound spec of it that a test's fields go into."""

    kind: CustomResource
    sound: Fragment

    @property
    def path(self) -> str:
        """Where the API server takes one."""
        where = "namespaces/default/" if self.kind.namespaced else ""
        return f"/apis/{API_VERSION}/{where}{self.kind.plural}"

    def spec_of(self, fragment: Fragment) -> Fragment:
        """Return a valid spec with these fields replaced; ``...`` removes a field."""
        return {name: value for name, value in {**self.sound, **fragment}.items() if value is not ...}


_CCP: Fragment = {"url": "https://ccp.example.com", "appId": "smtp-operator"}
_BY_CERTIFICATE: Fragment = {**_CCP, "clientCertificateRef": {"name": "vault-client"}}
_SERVERS: Fragment = {"allowedServers": ["smtp.example.com:587"]}
CONFIG = KindWithSpec(SMTP_CONFIG, {"server": "smtp.example.com", "port": 587, "from": "noreply@example.com"})
VAULT = KindWithSpec(SMTP_VAULT, {"cyberArkCCP": _BY_CERTIFICATE, **_SERVERS})
CLUSTER_VAULT = KindWithSpec(CLUSTER_SMTP_VAULT, {"cyberArkCCP": _CCP, **_SERVERS})


class ModelJudge:
    """The models, as `smtp-operator check` and the operator itself use them."""

    name = "models"

    def __init__(self, judged: KindWithSpec) -> None:
        self._judged = judged
        self._model = judged.kind.spec

    def says(self, fragment: Fragment) -> str:
        """Return a line for each error, with its field and message; empty if the manifest is valid."""
        try:
            self._model.model_validate(self._judged.spec_of(fragment))
        except ValidationError as refused:
            return "\n".join(f"{_path(error['loc'])}: {error['msg']}" for error in refused.errors())
        return ""

    def raw(self, fragment: Fragment) -> str:
        """All that a user might get to read of a refusal."""
        with pytest.raises(ValidationError) as refused:
            self._model.model_validate(self._judged.spec_of(fragment))
        return f"{refused.value!s} {refused.value!r}"

    def fills(self, fragment: Fragment) -> Fragment:
        """The spec with its defaults."""
        spec = self._model.model_validate(self._judged.spec_of(fragment))
        return spec.model_dump(mode="json", by_alias=True, exclude_none=True)


class ServerJudge:
    """kube-apiserver: a strict dry run of `create`."""

    name = "apiserver"

    def __init__(self, cluster: LocalCluster, judged: KindWithSpec) -> None:
        self._judged = judged
        self._connection = http.client.HTTPSConnection(
            cluster.url.removeprefix("https://"), context=ssl.create_default_context(cafile=cluster.ca_file)
        )
        self._headers = {
            "Authorization": f"Bearer {cluster.admin_token}",
            "Content-Type": "application/json",
        }

    def says(self, fragment: Fragment) -> str:
        status, text = self._create(fragment)
        if status == http.client.CREATED:
            return ""
        answer = json.loads(text)
        causes = answer.get("details", {}).get("causes", [])
        # What it says of no field is only that it stopped there.
        refusals = [_refusal(cause) for cause in causes if cause["field"] != "<nil>"]
        return "\n".join(refusals) or str(answer["message"])

    def raw(self, fragment: Fragment) -> str:
        status, text = self._create(fragment)
        assert status in (http.client.BAD_REQUEST, http.client.UNPROCESSABLE_ENTITY)
        return text

    def fills(self, fragment: Fragment) -> Fragment:
        status, text = self._create(fragment)
        assert status == http.client.CREATED, text
        spec: Fragment = json.loads(text)["spec"]
        return spec

    def _create(self, fragment: Fragment) -> tuple[int, str]:
        manifest = {
            "apiVersion": API_VERSION,
            "kind": self._judged.kind.name,
            "metadata": {"name": "judged"},
            "spec": self._judged.spec_of(fragment),
        }
        try:
            return self._post(json.dumps(manifest))
        except (http.client.HTTPException, OSError):  # it was idle for too long, or the server is another one
            self.close()
            return self._post(json.dumps(manifest))

    def _post(self, body: str) -> tuple[int, str]:
        self._connection.request("POST", self._judged.path + _DRY_RUN, body=body, headers=self._headers)
        answer = self._connection.getresponse()
        return answer.status, answer.read().decode()

    def close(self) -> None:
        self._connection.close()


def _path(location: tuple[int | str, ...]) -> str:
    return "spec" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location)


def _refusal(cause: Mapping[str, str]) -> str:
    return f"{cause['field']}: {_VALUE.sub('', cause['message'], count=1)}"


ServerJudges = Callable[[KindWithSpec], ServerJudge]


@pytest.fixture(scope="session")
def server_judges(cluster: LocalCluster) -> Iterator[ServerJudges]:
    """A judge for each kind, its connection kept."""
    with ExitStack() as judges:
        yield cache(lambda judged: judges.enter_context(closing(ServerJudge(cluster, judged))))


@pytest.fixture(scope="session")
def server_judge(server_judges: ServerJudges) -> ServerJudge:
    """The API server alone, of a SmtpConfig."""
    return server_judges(CONFIG)


@pytest.fixture(params=["models", pytest.param("apiserver", marks=pytest.mark.cluster)])
def judge_of(request: pytest.FixtureRequest) -> Callable[[KindWithSpec], ModelJudge | ServerJudge]:
    """Return one of the two judges for a kind: the models or the API server."""
    if request.param == "models":
        return ModelJudge
    judges: ServerJudges = request.getfixturevalue("server_judges")
    return judges


@pytest.fixture
def judged_by(judge_of: Callable[[KindWithSpec], ModelJudge | ServerJudge]) -> ModelJudge | ServerJudge:
    return judge_of(CONFIG)


@pytest.fixture
def judge(judged_by: ModelJudge | ServerJudge) -> Callable[[Fragment], str]:
    """Return what a judge says about a manifest with these fields: an empty string, or the errors."""
    return judged_by.says


@pytest.fixture
def vault_judge(judge_of: Callable[[KindWithSpec], ModelJudge | ServerJudge]) -> Callable[[Fragment], str]:
    """Do the same for a SmtpVault; the default fields are those of CyberArk CCP."""
    return judge_of(VAULT).says


@pytest.fixture
def cluster_vault_judge(
    judge_of: Callable[[KindWithSpec], ModelJudge | ServerJudge],
) -> Callable[[Fragment], str]:
    """The same of a ClusterSmtpVault, which allows one server."""
    return judge_of(CLUSTER_VAULT).says


@pytest.fixture
def vault_filled(
    judge_of: Callable[[KindWithSpec], ModelJudge | ServerJudge],
) -> Callable[[Fragment], Fragment]:
    """The spec of a SmtpVault as a judge completes it with defaults."""
    return judge_of(VAULT).fills


@pytest.fixture
def in_words_of(judged_by: ModelJudge | ServerJudge) -> Callable[[str, str], str]:
    """Picks of two texts that of the judge at work: where the schema refuses, each has its own words."""
    return lambda models, apiserver: models if judged_by.name == "models" else apiserver


@pytest.fixture
def refusal_text(judged_by: ModelJudge | ServerJudge) -> Callable[[Fragment], str]:
    """The whole text of a refusal."""
    return judged_by.raw


@pytest.fixture
def filled(judged_by: ModelJudge | ServerJudge) -> Callable[[Fragment], Fragment]:
    """The spec as a judge completes it with defaults."""
    return judged_by.fills
