# SPDX-License-Identifier: Apache-2.0
"""The two sources that need no vault: the spec itself, and a Secret."""

from collections.abc import Mapping
from typing import ClassVar

from smtp_operator.api.objects import Reference
from smtp_operator.api.password import Password
from smtp_operator.api.reasons import Reason
from smtp_operator.secrets.sources import InputText, KubernetesSecret
from smtp_testkit.conformance.source import ReadPassword, Source
from smtp_testkit.simulation import ObjectStore

_NO_LOGIN = "It needs no login."
_NO_HTTPS = "It uses no HTTPS."

_WITHOUT_A_VAULT: Mapping[str, str] = {
    "test_a_wrong_credential": _NO_LOGIN,
    "test_many_reads_at_a_time": _NO_LOGIN,
    "test_a_kept_login": _NO_LOGIN,
    "test_a_refusal_costs_no_more_than_a_success": _NO_LOGIN,
    "test_many_refusals_cost_no_more_than_as_many_successes": _NO_LOGIN,
    "test_a_credential_that_may_not_go_there": _NO_LOGIN,
    "test_a_check": _NO_LOGIN,
    "test_a_check_that_fails": _NO_LOGIN,
    "test_its_end": _NO_LOGIN,
    "test_many_refused_logins_at_a_time": _NO_LOGIN,
} | dict.fromkeys(
    (
        "test_a_host_that_dns_does_not_know",
        "test_a_port_without_listener",
        "test_an_address_that_is_not_allowed",
        "test_a_port_that_is_not_allowed",
        "test_a_certificate_of_an_unknown_authority",
        "test_no_ca",
        "test_a_ca_of_the_operator",
        "test_a_certificate_for_another_name",
        "test_a_server_that_never_answers",
        "test_a_server_that_answers_byte_by_byte",
        "test_a_server_that_closes_the_connection",
        "test_an_answer_that_is_too_large",
        "test_an_answer_that_is_broken",
        "test_a_page_for_people",
        "test_a_redirect",
        "test_a_server_in_trouble",
        "test_a_server_that_is_asked_too_often",
        "test_nothing_of_the_environment_counts",
        "test_nothing_of_an_answer_is_repeated",
    ),
    _NO_HTTPS,
)
_IN_THE_SPEC = "The API server checks it as part of the SmtpConfig."


class InputTextSource(Source):
    """``password.value``."""

    column = "InputText"
    unlike: ClassVar[Mapping[str, str]] = {
        **_WITHOUT_A_VAULT,
        "test_a_version": "A version would let attackers verify guesses, so each generation is tested.",
        "test_a_newline_at_the_end": "The text is used unchanged.",
        "test_a_missing_password": _IN_THE_SPEC,
        "test_a_password_that_may_not_be_read": "Everyone who can read the SmtpConfig can read it.",
        "test_an_empty_value": _IN_THE_SPEC,
        "test_a_value_of_several_lines": "The text is used unchanged.",
        "test_a_value_that_is_too_long": _IN_THE_SPEC,
    }

    def __init__(self) -> None:
        super().__init__()
        self._value = ""

    async def read(self) -> ReadPassword:
        """See ``Source``."""
        return await InputText().resolve(Password.model_validate({"value": self._value}), "team-a")

    def write(self, value: str) -> None:
        """See ``Source``."""
        self._value = value


class KubernetesSecretSource(Source):
    """``password.secretRef``."""

    column = "KubernetesSecret"
    unlike: ClassVar[Mapping[str, str]] = {
        **_WITHOUT_A_VAULT,
        "test_a_value_that_is_too_long": "The mail server rejects it, if it has a limit.",
    }
    reasons: ClassVar[Mapping[str, Reason]] = {
        "test_a_missing_password": Reason.SECRET_NOT_FOUND,
        "test_a_password_that_may_not_be_read": Reason.SECRET_ACCESS_DENIED,
        "test_an_empty_value": Reason.SECRET_VALUE_EMPTY,
        "test_a_value_of_several_lines": Reason.SECRET_VALUE_INVALID,
    }

    def __init__(self) -> None:
        super().__init__()
        self._store = ObjectStore()
        self._versions = 0

    async def read(self) -> ReadPassword:
        """See ``Source``; every call counts as another test."""
        named = Password.model_validate({"secretRef": {"name": "smtp"}})
        return await KubernetesSecret(self._store.values).resolve(named, "team-a")

    def write(self, value: str) -> None:
        """See ``Source``."""
        self._versions += 1
        reference = self._store.put("Secret", "smtp", {"password": value})
        self._store.objects[reference]["metadata"]["resourceVersion"] = str(self._versions)

    def remove(self) -> None:
        """See ``Source``."""
        self._store.objects.clear()

    def forbid(self) -> None:
        """See ``Source``."""
        self._store.locked.add(Reference("Secret", "team-a", "smtp"))
