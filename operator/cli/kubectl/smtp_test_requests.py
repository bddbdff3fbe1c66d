# SPDX-License-Identifier: Apache-2.0
"""Build SmtpTests from a SmtpConfig in a file, or from one in the cluster."""

import base64
import contextlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TextIO

from pydantic import ValidationError

from smtp_operator.api.errors import ObjectNotFound
from smtp_operator.api.names import ALLOWED_CA, ALLOWED_SERVERS
from smtp_operator.api.objects import JsonObject, ObjectKey, Reference
from smtp_operator.api.smtpconfig import Notification, SmtpConfigSpec
from smtp_operator.api.smtptest import SettingsToTest, TestRecipients
from smtp_operator.cli.check.manifest import config_of
from smtp_operator.cli.check.overrides import objects_of_file
from smtp_operator.cli.check.yaml_documents import ManifestUnusable, read_documents
from smtp_operator.cli.kubectl.errors import PluginFailed
from smtp_operator.cli.kubectl.smtp_tests import SmtpTestRequest

_BINDINGS: Final = (ALLOWED_SERVERS, ALLOWED_CA)
_SETTINGS: Final = frozenset(field.alias for field in SettingsToTest.model_fields.values())


def request_of_config(key: ObjectKey, *, to: Sequence[str] = (), mode: str | None = None) -> SmtpTestRequest:
    """Return a test of a SmtpConfig of the cluster.

    Args:
        key: the SmtpConfig.
        to: recipients in place of all recipients of the SmtpConfig; empty: those of the SmtpConfig.
        mode: depth of the test; None: its ``test.mode``.
    """
    spec: JsonObject = {"configRef": {"name": key.name}}
    if to:
        spec["recipients"] = {"to": list(to)}
    return SmtpTestRequest(namespace=key.namespace, spec=spec | _mode(mode))


def request_of_settings(
    namespace: str, spec: JsonObject, *, to: Sequence[str] = (), mode: str | None = None
) -> SmtpTestRequest:
    """Return a test of settings that are not in the cluster.

    Args:
        namespace: of the test, and of the objects that the settings name.
        spec: the valid spec of a SmtpConfig; its ``password.value`` goes into a Secret.
        to: recipients in place of all recipients of the settings.
        mode: depth of the test; None: ``test.mode`` of the settings.

    Raises:
        PluginFailed: a Secret cannot hold the password as it is, so the test could pass by mistake.
    """
    settings = {field: value for field, value in spec.items() if field in _SETTINGS}
    if to:
        settings["recipients"] = {"to": list(to)}
    elif not _copies_receive_tests(spec) and settings.get("recipients"):
        settings["recipients"] = {"to": settings["recipients"].get("to") or []}
    password = (settings.get("password") or {}).get("value")
    if password is not None:
        _check_password(password)
        del settings["password"]
    return SmtpTestRequest(namespace=namespace, spec={"settings": settings} | _mode(mode), password=password)


@dataclass(frozen=True, slots=True)
class FileConfig:
    """A SmtpConfig in a file."""

    key: ObjectKey
    spec: JsonObject
    secret: JsonObject | None = field(repr=False)
    """The Secret of ``password.secretRef``, if the file has it."""

    def request(self, *, to: Sequence[str] = (), mode: str | None = None) -> SmtpTestRequest:
        """Return a test of it, with the password of its Secret in the file; see ``request_of_settings``.

        Raises:
            PluginFailed: the password cannot be tested.
        """
        request = request_of_settings(self.key.namespace, self.spec, to=to, mode=mode)
        reference = (self.spec.get("password") or {}).get("secretRef")
        if self.secret is None or reference is None:
            return request
        key = reference.get("key", "password")
        encoded = self.secret["data"].get(key)
        if encoded is None:
            return request
        try:
            password = base64.b64decode(encoded).decode()
        except UnicodeDecodeError:
            raise PluginFailed(
                f"Secret {reference['name']} in the file: data.{key} is not base64 of UTF-8 text"
            ) from None
        annotations = self.secret["metadata"]["annotations"]
        return replace(
            request,
            password=password,
            annotations={it: annotations[it] for it in _BINDINGS if it in annotations},
        )


async def config_in_file(
    path: str, stdin: TextIO, *, name: str | None, namespace: str | None, default_namespace: str
) -> FileConfig:
    """Return the SmtpConfig of a file; ``-`` is standard input.

    ``name`` and ``namespace`` select one of several. Documents without a namespace are in ``namespace``, else
    in ``default_namespace``.

    Raises:
        PluginFailed: the file cannot be read, or contains no valid SmtpConfig.
    """
    try:
        manifest = read_documents(path, stdin)
        config = config_of(manifest, name=name, namespace=namespace, default_namespace=default_namespace)
        key, spec = ObjectKey(config["metadata"]["namespace"], config["metadata"]["name"]), config["spec"]
        model = SmtpConfigSpec.model_validate(spec)
        source = manifest.source
        find = objects_of_file(manifest.documents, model, namespace=key.namespace, source=source)
    except ManifestUnusable as error:
        raise PluginFailed(str(error)) from None
    secret = None
    if model.password is not None and model.password.secret_ref is not None:
        with contextlib.suppress(ObjectNotFound):
            secret = await find(Reference("Secret", key.namespace, model.password.secret_ref.name))
    return FileConfig(key, spec, secret)


def check_recipients(to: Sequence[str]) -> None:
    """Check the addresses of ``--to``.

    Raises:
        PluginFailed: an address is invalid, or there are too many or equal ones.
    """
    try:
        TestRecipients.model_validate({"to": list(to)})
    except ValidationError as error:
        raise PluginFailed(f"--to: {error.errors(include_input=False)[0]['msg']}") from None


def _check_password(password: str) -> None:
    if any(ord(character) < 0x20 or ord(character) == 0x7F for character in password):
        raise PluginFailed(
            "spec.password.value contains a line break or a control character: write it on one line,"
            " in quotation marks"
        )
    if not password.strip():
        raise PluginFailed("spec.password.value contains only spaces: write the password")


def _copies_receive_tests(spec: JsonObject) -> bool:
    return Notification.TEST_EMAIL in (spec.get("preferredNotifications", [Notification.TEST_EMAIL]) or ())


def _mode(mode: str | None) -> dict[str, Any]:
    return {} if mode is None else {"mode": mode}
