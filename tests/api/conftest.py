# SPDX-License-Identifier: Apache-2.0
"""The two judges of a SmtpConfig: the models, which need no cluster, and a real API server with our CRD.

Both say the same of every manifest. A test that asks for `judge` runs once with each of them.
"""

import http.client
import json
import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from typing import Any

import pytest
from pydantic import ValidationError

from localcluster import LocalCluster
from smtp_operator.api.names import API_VERSION
from smtp_operator.api.smtpconfig import SmtpConfigSpec

Fragment = dict[str, Any]
"""Fields of spec that a test is about; `...` stands for a field that is left out."""

_SOUND: Fragment = {"server": "smtp.example.com", "port": 587, "from": "noreply@example.com"}
_DRY_RUN = "/apis/smtp-operator.io/v1alpha1/namespaces/default/smtpconfigs?dryRun=All&fieldValidation=Strict"
_VALUE = re.compile(r'Invalid value: (?:"(?:[^"\\]|\\.)*": |[-+.0-9e]+: )?')


class ModelJudge:
    """SmtpConfigSpec, as `smtp-operator check` and the operator itself use it."""

    name = "models"

    def says(self, fragment: Fragment) -> str:
        """Nothing if the manifest is accepted, else a line for each refusal: the field and the sentence."""
        try:
            SmtpConfigSpec.model_validate(spec_of(fragment))
        except ValidationError as refused:
            return "\n".join(f"{_path(error['loc'])}: {error['msg']}" for error in refused.errors())
        return ""

    def raw(self, fragment: Fragment) -> str:
        """All that a user might get to read of a refusal."""
        with pytest.raises(ValidationError) as refused:
            SmtpConfigSpec.model_validate(spec_of(fragment))
        return f"{refused.value!s} {refused.value!r}"

    def fills(self, fragment: Fragment) -> Fragment:
        """The spec with its defaults."""
        spec = SmtpConfigSpec.model_validate(spec_of(fragment))
        return spec.model_dump(mode="json", by_alias=True, exclude_none=True)


class ServerJudge:
    """kube-apiserver: a strict dry run of `create`."""

    name = "apiserver"

    def __init__(self, cluster: LocalCluster) -> None:
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
            "kind": "SmtpConfig",
            "metadata": {"name": "judged"},
            "spec": spec_of(fragment),
        }
        try:
            return self._post(json.dumps(manifest))
        except (http.client.HTTPException, OSError):  # it was idle for too long, or the server is another one
            self.close()
            return self._post(json.dumps(manifest))

    def _post(self, body: str) -> tuple[int, str]:
        self._connection.request("POST", _DRY_RUN, body=body, headers=self._headers)
        answer = self._connection.getresponse()
        return answer.status, answer.read().decode()

    def close(self) -> None:
        self._connection.close()


def spec_of(fragment: Fragment) -> Fragment:
    """A sound spec with these fields instead of its own."""
    return {name: value for name, value in {**_SOUND, **fragment}.items() if value is not ...}


def _path(location: tuple[int | str, ...]) -> str:
    return "spec" + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location)


def _refusal(cause: Mapping[str, str]) -> str:
    return f"{cause['field']}: {_VALUE.sub('', cause['message'], count=1)}"


@pytest.fixture(scope="session")
def server_judge(cluster: LocalCluster) -> Iterator[ServerJudge]:
    with closing(ServerJudge(cluster)) as judge:
        yield judge


@pytest.fixture(params=["models", pytest.param("apiserver", marks=pytest.mark.cluster)])
def judged_by(request: pytest.FixtureRequest) -> ModelJudge | ServerJudge:
    if request.param == "models":
        return ModelJudge()
    judge: ServerJudge = request.getfixturevalue("server_judge")
    return judge


@pytest.fixture
def judge(judged_by: ModelJudge | ServerJudge) -> Callable[[Fragment], str]:
    """What one of the judges says of a manifest with these fields: nothing, or the refusals."""
    return judged_by.says


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
