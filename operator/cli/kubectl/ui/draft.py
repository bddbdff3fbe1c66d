# SPDX-License-Identifier: Apache-2.0
"""The unsaved form: what the page sends for a test, a preview and a submit."""

import difflib
from collections.abc import Mapping
from typing import Any, Final, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_core import PydanticCustomError

from smtp_operator.api.fields import NamespaceName, ObjectName, field_path
from smtp_operator.api.names import ALLOWED_SERVERS, API_VERSION, SMTP_CONFIG_KIND, WATCH_LABEL
from smtp_operator.api.objects import JsonObject
from smtp_operator.api.smtpconfig import Notification, SmtpConfigSpec
from smtp_operator.cli.check.spec_problems import short_text
from smtp_operator.cli.kubectl.smtp_test_requests import request_of_settings
from smtp_operator.cli.kubectl.smtp_tests import SmtpTestRequest, bound_to
from smtp_operator.cli.kubectl.ui.errors import InvalidForm, PageError
from smtp_operator.cli.kubectl.ui.ownership import FIELD_MANAGER

DATA_KEY: Final = "password"
_KEPT: Final = "kept"


class InputText(BaseModel):
    """A password that the user typed, for a Secret."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    value: str = Field(min_length=1, max_length=4096, repr=False)
    secret_name: ObjectName = Field(alias="secretName")
    bind: bool = False
    """Whether the Secret's value may be sent only to this mail server, if its certificate is verified."""

    @field_validator("value")
    @classmethod
    def _is_usable(cls, value: str) -> str:
        if any(ord(it) < 0x20 or ord(it) == 0x7F for it in value) or not value.strip():
            raise PydanticCustomError("password", "must be one line of text without control characters")
        return value


class Draft(BaseModel):
    """The form.

    ``spec`` is a spec of a SmtpConfig, without ``password`` where ``inputText`` is set or ``keepPassword``
    is true. ``uid`` is that of the edited object, or null. ``generation`` is that of the previewed object.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    namespace: NamespaceName
    name: ObjectName
    uid: str | None = None
    generation: int | None = None
    spec: dict[str, Any]
    input_text: InputText | None = Field(None, alias="inputText")
    keep_password: bool = Field(False, alias="keepPassword")
    """Whether ``password.value`` of the edited object stays as it is."""
    where: Literal["cluster", "computer"] = "cluster"
    """Where a test runs: ``cluster`` or ``computer``."""

    @property
    def wanted(self) -> JsonObject:
        """The spec to store, with the reference to the Secret of a typed password."""
        if self.input_text is None:
            return self.spec
        reference = {"name": self.input_text.secret_name, "key": DATA_KEY}
        return {**self.spec, "password": {"secretRef": reference}}

    def test_request(self, inline_password: str | None) -> SmtpTestRequest:
        """Return a test that sends what a SmtpConfig with this spec sends after a change.

        Raises:
            PluginFailed: the password cannot be tested.
        """
        password = self.input_text.value if self.input_text else inline_password
        spec = self.spec if password is None else {**self.spec, "password": {"value": password}}
        return request_of_settings(self.namespace, spec)

    @property
    def bound_to(self) -> str:
        """The only server that may receive the typed password; empty: not limited."""
        return bound_to(self.spec) if self.input_text is not None and self.input_text.bind else ""

    @property
    def secret(self) -> JsonObject | None:
        """The Secret of a typed password, without the password; None: no password was typed."""
        if self.input_text is None:
            return None
        metadata: JsonObject = {
            "name": self.input_text.secret_name,
            "namespace": self.namespace,
            "labels": {"app.kubernetes.io/managed-by": FIELD_MANAGER, WATCH_LABEL: "true"},
        }
        if self.bound_to:
            metadata["annotations"] = {ALLOWED_SERVERS: self.bound_to}
        return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque"}

    def manifest(self, spec: Mapping[str, Any]) -> JsonObject:
        """Return a SmtpConfig with this name and a spec."""
        metadata = {"name": self.name, "namespace": self.namespace}
        return {
            "apiVersion": API_VERSION,
            "kind": SMTP_CONFIG_KIND,
            "metadata": metadata,
            "spec": dict(spec),
        }


def draft_of(body: Any) -> Draft:
    """Return the form of a request.

    Raises:
        PageError: the body is not a form; the text contains no value.
        InvalidForm: fields of the form are invalid.
    """
    try:
        draft = Draft.model_validate(body)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False, include_context=False)
        raise InvalidForm([(field_path(it["loc"]), short_text(it)) for it in problems]) from None
    password = draft.spec.get("password")
    if isinstance(password, dict) and "value" in password:
        raise PageError(400, "This page never writes password.value. Send the password as inputText.")
    if (draft.input_text or draft.keep_password) and "password" in draft.spec:
        raise PageError(400, "A form with inputText or keepPassword has no password in its spec.")
    try:
        normalized(draft.wanted, keep_password=draft.keep_password)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False, include_context=False)
        raise InvalidForm([(field_path(("spec", *it["loc"])), short_text(it)) for it in problems]) from None
    return draft


def normalized(spec: Mapping[str, Any], *, keep_password: bool) -> JsonObject:
    """Return a spec with all defaults, as the API server stores it.

    With ``keep_password``, the spec counts as one with ``password.value``.

    Raises:
        ValidationError: the API server would refuse it.
    """
    checked = {**spec, "password": {"value": _KEPT}} if keep_password else spec
    return SmtpConfigSpec.model_validate(checked).model_dump(mode="json", by_alias=True, exclude_none=True)


def mail_server(spec: Mapping[str, Any]) -> str:
    """Return ``host:port`` of the mail server, with brackets around an IPv6 address."""
    host = str(spec["server"])
    return f"[{host}]:{spec['port']}" if ":" in host else f"{host}:{spec['port']}"


def shown_spec(spec: Mapping[str, Any]) -> JsonObject:
    """Return a spec without the value of ``password.value``."""
    password = spec.get("password")
    if isinstance(password, Mapping) and "value" in password:
        return {**spec, "password": {**password, "value": "********"}}
    return dict(spec)


def as_yaml(object_: Mapping[str, Any]) -> str:
    """Return an object as YAML, with its fields in their order."""
    return yaml.safe_dump(dict(object_), sort_keys=False, allow_unicode=True, width=1000)


def difference(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the lines of the YAML of two specs: ``mark`` is ``+``, ``-`` or a space, and ``text``."""
    compared = difflib.ndiff(_sorted_lines(before), _sorted_lines(after))
    return [{"mark": it[0], "text": it[2:]} for it in compared if it[0] in "+- "]


def _sorted_lines(spec: Mapping[str, Any] | None) -> list[str]:
    shown = shown_spec(spec) if spec else {}
    return as_yaml({name: shown[name] for name in sorted(shown)}).splitlines() if shown else []


def sent_text(spec: Mapping[str, Any], *, changed: bool) -> str:
    """Return in words what the operator does after the change, and who receives an email."""
    server = mail_server(spec)
    mode = (spec.get("test") or {}).get("mode", "SendEmail")
    if spec.get("suspend"):
        return "Nothing is sent: suspend is true."
    if not changed:
        return "Nothing is sent: no setting of the test changes."
    if mode == "Connect":
        return f"No email is sent: the operator connects to {server} and stops before the login."
    if mode == "Login":
        return f"No email is sent: the operator logs in to {server}."
    recipients = spec.get("recipients") or {}
    roles = {"To": recipients.get("to") or [spec["from"]]}
    if Notification.TEST_EMAIL in spec.get("preferredNotifications", [Notification.TEST_EMAIL]):
        roles |= {"Cc": recipients.get("cc") or [], "Bcc": recipients.get("bcc") or []}
    probe = (spec.get("delivery") or {}).get("address")
    if probe and not any(probe in addresses for addresses in roles.values()):
        roles["delivery"] = [probe]
    named = "; ".join(f"{role} {', '.join(addresses)}" for role, addresses in roles.items() if addresses)
    if mode == "Envelope":
        return f"No email is sent: the operator names the recipients to {server} ({named}) and stops."
    return f"The operator sends one email through {server}, from {spec['from']}: {named}."


_CARRIED_OVER: Final = ("recheck", "preferredNotifications", "suspend", "publish", "delivery")


def is_tested_again(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> bool:
    """Return whether the operator tests the changed spec (rule 6 of the status reference)."""
    if before is None:
        return True
    if "value" in (after.get("password") or {}) and dict(before) != dict(after):
        return True
    return _tested(before) != _tested(after)


def _tested(spec: Mapping[str, Any]) -> JsonObject:
    tested = {name: value for name, value in spec.items() if name not in _CARRIED_OVER}
    tested["test"] = {name: value for name, value in (spec.get("test") or {}).items() if name != "timeout"}
    return tested
