# SPDX-License-Identifier: Apache-2.0
"""``smtp-operator check``: runs the operator's test once, from the user's machine."""

import argparse
import asyncio
import io
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import uuid4

from pydantic import ValidationError

from smtp_operator.api.errors import ApiUnavailable, ClusterError, ObjectNotFound
from smtp_operator.api.objects import JsonObject, ObjectKey, Reference
from smtp_operator.api.smtpconfig import TestSettings
from smtp_operator.api.verdict import Mode, Phase, Trigger
from smtp_operator.cli.check.arguments import DEFAULTS, OPERATOR_SETTINGS, PROXIES, READS, misuse
from smtp_operator.cli.check.local_runner import local_runner
from smtp_operator.cli.check.manifest import SUPPLIED, config_of, config_of_flags, is_object_name
from smtp_operator.cli.check.overrides import (
    CLUSTER,
    PASSWORD_VARIABLE,
    USERNAME_VARIABLE,
    LocalObjects,
    PasswordInput,
    SuppliedValues,
    objects_of_file,
    source_of,
)
from smtp_operator.cli.check.report import (
    CheckProgress,
    as_json,
    as_text,
    delivery_text,
    exit_code,
    sender_text,
)
from smtp_operator.cli.check.yaml_documents import ManifestUnusable, read_documents, read_text, source_name
from smtp_operator.cli.exit_codes import TRANSIENT, USAGE
from smtp_operator.cli.streams import write
from smtp_operator.cli.terminal import TerminalStyle
from smtp_operator.network.tls import CaBundleInvalid, check_bundle
from smtp_operator.reconcile.invalid_spec import InvalidSpecError
from smtp_operator.reconcile.references.uses import mailbox_settings
from smtp_operator.reconcile.smtpconfig.planner import RunTest
from smtp_operator.reconcile.smtpconfig.sender import sender_of
from smtp_operator.reconcile.smtpconfig.snapshot import Snapshot, snapshot_of
from smtp_operator.secrets.interfaces import GetObject
from smtp_operator.secrets.service_accounts import ServiceAccounts
from smtp_operator.sender_authentication.report import SenderVerdict
from smtp_operator.sender_authentication.service import SenderAuthentication
from smtp_operator.setting_reader import read_settings
from smtp_operator.settings import FLAGS, InvalidSetting, Settings

_SENDER_TIME: Final = 5.0
"""Seconds to read the DNS records of the sender, from the start of the test."""


class CheckFailed(Exception):
    """No test ran. The text says why, and how to fix it."""

    def __init__(self, text: str, exit_code: int = USAGE) -> None:
        super().__init__(text)
        self.exit_code = exit_code


def run_check(options: argparse.Namespace, environment: Mapping[str, str]) -> int:
    """Run the test, show the verdict and return the exit code.

    Raises:
        CheckFailed: the arguments or the manifest cannot be used, or the API server failed.
    """
    if problem := misuse(options):
        raise CheckFailed(problem)
    try:
        settings = _settings(options, environment)
        check = _Check(options, environment, settings)
        return asyncio.run(
            check.from_cluster() if options.file is None and options.name else check.from_input()
        )
    except (ManifestUnusable, InvalidSetting) as error:
        raise CheckFailed(str(error)) from error
    except InvalidSpecError as error:
        raise CheckFailed(error.verdict.message) from error
    except ApiUnavailable as error:
        raise CheckFailed(f"the API server does not answer: {error}", TRANSIENT) from error
    except ClusterError as error:
        raise CheckFailed(str(error)) from error


def _settings(options: argparse.Namespace, environment: Mapping[str, str]) -> Settings:
    names = {"namespaces": "namespace", "kubeconfig": "kubeconfig", "context": "context"}
    names |= {"helo_name": "helo_name"}
    values = {
        field: [value] for field, name in names.items() if (value := getattr(options, name)) is not None
    }
    for name in (*OPERATOR_SETTINGS, *PROXIES, *DEFAULTS, *READS):
        if value := getattr(options, name):
            values[name] = value if isinstance(value, list) else [str(value)]
    if options.name is not None and not is_object_name(options.name):
        raise InvalidSetting(f"{options.name!r} is not the name of a SmtpConfig")
    if options.timeout is not None:
        try:
            TestSettings.model_validate({"timeout": options.timeout})
        except ValidationError as error:
            raise InvalidSetting(f"--timeout: {error.errors()[0]['msg']}") from None
    variables = {it.variable for it in FLAGS if it.name in READS}
    return read_settings(values, {name: environment[name] for name in variables & environment.keys()})


@dataclass(frozen=True, slots=True)
class _Check:
    options: argparse.Namespace
    environment: Mapping[str, str]
    settings: Settings

    async def from_input(self) -> int:
        """Test the SmtpConfig of a manifest, or of flags."""
        options = self.options
        if options.file is None:
            config = config_of_flags(_spec_of(options))
            snapshot = snapshot_of(config, self.settings.test_defaults)
            host = f"[{options.server}]" if ":" in options.server else options.server
            return await self._test(snapshot, _not_found, place="", name=f"{host}:{options.port}")
        manifest = read_documents(options.file, sys.stdin)
        config = config_of(manifest, name=options.name, namespace=options.namespace, timeout=options.timeout)
        snapshot = snapshot_of(config, self.settings.test_defaults)
        source, namespace = manifest.source, snapshot.key.namespace
        find = objects_of_file(manifest.documents, snapshot.spec, namespace=namespace, source=source)
        mailbox = mailbox_settings(snapshot.spec) or snapshot.spec
        of_mailbox = objects_of_file(manifest.documents, mailbox, namespace=namespace, source=source)
        return await self._test(snapshot, find, place=source, name=str(snapshot.key), of_mailbox=of_mailbox)

    async def from_cluster(self) -> int:
        """Test a SmtpConfig of a cluster."""
        # The client's packages take most of a second to import; a check of a file does not need them.
        from smtp_operator.cluster.access import find_access
        from smtp_operator.cluster.client import KubernetesClient
        from smtp_operator.cluster.cluster import KubernetesCluster
        from smtp_operator.cluster.service_accounts import ServiceAccountTokens

        access = await find_access(self.settings, self.environment)
        client = KubernetesClient(access)
        try:
            cluster = KubernetesCluster(client, self.settings)
            key = ObjectKey(self.options.namespace or access.namespace, self.options.name)
            try:
                config = await cluster.get_object(Reference("SmtpConfig", *key))
            except ObjectNotFound:
                raise CheckFailed(f"SmtpConfig {key} does not exist on {client.server}") from None
            snapshot = snapshot_of(_with_new_uid(config, self.options.timeout), self.settings.test_defaults)
            return await self._test(
                snapshot,
                cluster.get_object,
                place=CLUSTER,
                name=str(key),
                accounts=ServiceAccountTokens(client, cluster.get_object),
                of_mailbox=cluster.get_object,
            )
        finally:
            await client.close()

    async def _test(
        self,
        snapshot: Snapshot,
        find: GetObject,
        *,
        place: str,
        name: str,
        accounts: ServiceAccounts | None = None,
        of_mailbox: GetObject | None = None,
    ) -> int:
        snapshot = self._with_delivery(snapshot)
        supplied = self._supplied(snapshot, place)
        objects = LocalObjects(find, snapshot.spec, namespace=snapshot.key.namespace, supplied=supplied)
        progress = CheckProgress(
            sys.stderr, TerminalStyle.of(sys.stderr, self.environment), clock=time.monotonic
        )
        mode = Mode(self.options.mode) if self.options.mode else snapshot.spec.test.mode
        reads_objects = bool(snapshot.uses)

        def entered(phase: Phase) -> None:
            if reads_objects or phase is not Phase.PASSWORD:
                progress.entered(phase)

        reading = asyncio.create_task(self._sender(snapshot))
        try:
            async with local_runner(
                objects.get,
                self.settings,
                accounts=accounts,
                source_of=source_of(supplied),
                ca_file=supplied.ca_pem,
                announce=progress.note if place == CLUSTER else None,
            ) as runner:
                result = await runner.run(snapshot, RunTest(Trigger.REQUESTED, mode), on_phase=entered)
        except BaseException:
            progress.aborted()
            reading.cancel()
            raise
        progress.ended(result.verdict)
        code, delivered = exit_code(result), None
        if of_mailbox is not None and result.delivery is not None:
            from smtp_operator.cli.check.delivery import check_delivery, exit_code_of

            reader = LocalObjects(
                of_mailbox,
                mailbox_settings(snapshot.spec) or snapshot.spec,
                namespace=snapshot.key.namespace,
                supplied=SuppliedValues(place=place),
            )
            async with local_runner(reader.get, self.settings, accounts=accounts) as runner:
                delivered = await check_delivery(
                    snapshot, result.delivery, runner, ca_file=supplied.ca_pem, say=progress.note
                )
            code = code or exit_code_of(delivered.judgement)
        if self.options.output == "json":
            self._show(as_json(name, result, await reading, delivered, code=code))
        else:
            style = TerminalStyle.of(sys.stdout, self.environment)
            self._show(as_text(name, result, style))
            if delivered is not None:
                self._show(delivery_text(delivered))
            if (records := await reading) is not None:
                self._show(sender_text(records))
        return code

    def _with_delivery(self, snapshot: Snapshot) -> Snapshot:
        """Return the snapshot to test: without ``--delivery``, nothing concerns a mailbox."""
        if not self.options.delivery:
            return replace(snapshot, spec=snapshot.spec.model_copy(update={"delivery": None}))
        mode = Mode(self.options.mode) if self.options.mode else snapshot.spec.test.mode
        if snapshot.spec.delivery is None:
            raise CheckFailed("--delivery requires spec.delivery, which names the mailbox")
        if mode is not Mode.SEND_EMAIL:
            raise CheckFailed("--delivery requires an email: use it with --mode SendEmail")
        return snapshot

    async def _sender(self, snapshot: Snapshot) -> SenderVerdict | None:
        """Return what DNS says about the sender; None if its domain is private, or if it is not wanted."""
        sender = sender_of(snapshot)
        if sender is None or not self.settings.sender_authentication:
            return None
        return (await SenderAuthentication(time_limit=_SENDER_TIME).check(sender)).verdict()

    def _supplied(self, snapshot: Snapshot, place: str) -> SuppliedValues:
        options, spec = self.options, snapshot.spec
        of_file = of_environment = ca_pem = None
        if options.password_file is not None:
            if spec.password is None:
                raise CheckFailed("--password-file requires a username")
            text = read_text(options.password_file, sys.stdin)
            of_file = PasswordInput(text, "File", source_name(options.password_file))
        # Pipelines set a variable without a value to the empty string.
        if value := self.environment.get(PASSWORD_VARIABLE):
            of_environment = PasswordInput(value, "Environment", PASSWORD_VARIABLE)
        if options.ca_file is not None:
            text = read_text(options.ca_file, sys.stdin)
            ca_pem = text.encode("ascii", "ignore").decode()  # comments can be in any language
            try:
                check_bundle(ca_pem)
            except CaBundleInvalid:
                raise CheckFailed(f"{source_name(options.ca_file)} contains no PEM certificate") from None
        return SuppliedValues(
            password_of_file=of_file,
            password_of_environment=of_environment,
            username=self.environment.get(USERNAME_VARIABLE) or None,
            ca_pem=ca_pem,
            place=place,
        )

    def _show(self, text: str) -> None:
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="replace")
        error = write(sys.stdout, text)
        if error is not None and not isinstance(error, BrokenPipeError):  # the reader has closed the pipe
            raise CheckFailed(f"the verdict cannot be written: {error.strerror}")


async def _not_found(reference: Reference) -> JsonObject:
    raise ObjectNotFound(str(reference))


def _with_new_uid(config: JsonObject, timeout: str | None) -> JsonObject:
    """Return a copy with a new uid, so that its test email differs from those of the operator."""
    spec = config["spec"]
    if timeout is not None:
        spec = {**spec, "test": {**(spec.get("test") or {}), "timeout": timeout}}
    return {**config, "metadata": {**config["metadata"], "uid": str(uuid4())}, "spec": spec}


def _spec_of(options: argparse.Namespace) -> dict[str, Any]:
    spec: dict[str, Any] = {"server": options.server, "port": options.port, "from": options.from_}
    if options.smtp_type is not None:
        spec["smtpType"] = options.smtp_type
    if options.username is not None:
        spec |= {"username": options.username, "password": {"secretRef": {"name": SUPPLIED}}}
    for role in ("to", "cc", "bcc"):
        if addresses := getattr(options, role):
            spec.setdefault("recipients", {})[role] = addresses
    if options.ca_file is not None:
        spec["tls"] = {"caRef": {"name": SUPPLIED}}
    if options.insecure_skip_verify:
        spec.setdefault("tls", {})["insecureSkipVerify"] = True
    if options.allow_insecure_auth:
        spec["allowInsecureAuth"] = True
    if options.timeout is not None:
        spec["test"] = {"timeout": options.timeout}
    return spec
