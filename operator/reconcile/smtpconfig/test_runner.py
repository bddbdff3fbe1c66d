# SPDX-License-Identifier: Apache-2.0
"""Run one test of a SmtpConfig: read its references, run the dialogue, and return the result."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from smtp_operator.api.errors import ClusterError, origin
from smtp_operator.api.objects import Reference
from smtp_operator.api.password import Password
from smtp_operator.api.reasons import Reason
from smtp_operator.api.smtpconfig import Notification
from smtp_operator.api.verdict import (
    DialogueReport,
    Mode,
    Phase,
    PhaseTiming,
    Trigger,
    Verdict,
    VerdictError,
    failed,
)
from smtp_operator.network.tls import ClientCertificate
from smtp_operator.reconcile.internal_errors import internal_error
from smtp_operator.reconcile.ports import Now, ReconcilePolicy, SmtpEngine, TokenProvider
from smtp_operator.reconcile.references.changes import ReferenceBaseline
from smtp_operator.reconcile.smtpconfig.delivery.attempts import attempt_of_test, with_address
from smtp_operator.reconcile.smtpconfig.delivery.planner import joins
from smtp_operator.reconcile.smtpconfig.mail_text import TestEmail, mail_about, mail_of_test
from smtp_operator.reconcile.smtpconfig.notifications import bare_address
from smtp_operator.reconcile.smtpconfig.planner import RunTest
from smtp_operator.reconcile.smtpconfig.result import PasswordResult, TestInputs, TestResult
from smtp_operator.reconcile.smtpconfig.snapshot import Snapshot
from smtp_operator.reconcile.smtpconfig.test_inputs import (
    Preparation,
    baselines,
    bound,
    credentials,
    holders,
    unresolved,
    verified,
)
from smtp_operator.secrets.allowed_servers import check_destination
from smtp_operator.secrets.bindings import bindings_of, server_trust
from smtp_operator.secrets.interfaces import Destination, GetObject, PasswordSource, ResolvedPassword
from smtp_operator.secrets.secret_reader import SecretReader
from smtp_operator.secrets.sources import Reading, password_source
from smtp_operator.secrets.vaults.clients import VaultClients
from smtp_operator.smtp.login_permit import LoginPermit
from smtp_operator.smtp.request import SmtpLogin, TestRequest, TlsSettings
from smtp_operator.smtp.send_permit import SendPermit

_log: Final = logging.getLogger(__name__)

OnPhase = Callable[[Phase], None]

SourceOf = Callable[[Password, Reading], PasswordSource]
"""Returns the source that reads a password."""


def _ignore_phase(phase: Phase) -> None:
    """Ignore a phase."""


class TestRunner:
    """Run tests; keep nothing between them, and no password in particular."""

    def __init__(
        self,
        *,
        get_object: GetObject,
        engine: SmtpEngine,
        policy: ReconcilePolicy,
        now: Now,
        vaults: VaultClients,
        source_of: SourceOf = password_source,
        tokens: TokenProvider | None = None,
    ) -> None:
        self._tokens = tokens
        self._vaults = vaults
        self._get_object = get_object
        self._source_of = source_of
        self._engine = engine
        self.policy = policy
        self.now = now

    async def run(
        self,
        snapshot: Snapshot,
        test: RunTest,
        *,
        on_phase: OnPhase,
        send_permit: SendPermit | None = None,
        permit: LoginPermit | None = None,
    ) -> TestResult:
        """Run one test.

        Raises:
            ApiUnavailable, RequestRefused: the API server did not return an object that the test needs; there
                is no result.
        """
        started = self.now()
        preparation = Preparation(self.values(snapshot))
        notified: frozenset[Notification] = frozenset()
        inputs: TestInputs | None = None
        delivery = None
        try:
            on_phase(Phase.PASSWORD)
            mail = mail_of_test(snapshot, test.trigger, cluster_name=self.policy.cluster_name, now=started)
            joined = joins(snapshot, test.trigger, test.mode, now=started)
            if joined:
                recipients = with_address(snapshot, mail.recipients, self.policy.recipient_domains)
                mail = replace(mail, recipients=recipients)
            settings = await self.prepare(snapshot, mail, test.mode, preparation, on_phase)
        except VerdictError as error:
            report = self._not_started(error.verdict, test, started)
        except ClusterError:
            raise
        except Exception as error:
            _log.error("%s: its test could not be prepared: %s", snapshot.key, origin(error))
            report = self._not_started(internal_error("before it connected"), test, started)
        else:
            preparation_time = self.now() - started
            if snapshot.spec.publish is not None:
                inputs = TestInputs(login=settings.login, holders=tuple(holders(snapshot, preparation)))
            report = await self._engine.run(
                settings, on_phase=on_phase, send_permit=send_permit, permit=permit
            )
            if preparation.password is not None:
                report = _with_phase_before(report, preparation.phase, preparation_time)
            if report.verdict.passed and test.mode is Mode.SEND_EMAIL:
                notified = mail.kinds
            if joined:
                delivery = attempt_of_test(
                    snapshot, report, mail.recipients, self.policy.recipient_domains, ended=self.now()
                )
            if report.verdict.reason is Reason.OAUTH_TOKEN_REJECTED:
                self.drop_token(preparation)
        return TestResult(
            trigger=_trigger(snapshot, test, preparation.password),
            mode=test.mode,
            started=started,
            ended=self.now(),
            report=report,
            password=preparation.password,
            read=baselines(preparation.values, snapshot, started),
            request=snapshot.request if test.mode is snapshot.spec.test.mode else None,
            notified=notified,
            inputs=inputs,
            delivery=delivery,
        )

    async def read(
        self, snapshot: Snapshot
    ) -> tuple[TestInputs, PasswordResult | None, Mapping[Reference, ReferenceBaseline]]:
        """Read the inputs of a test without running it, with the facts about the password and all versions.

        Raises:
            VerdictError: they cannot be read, or may not be sent to this mail server.
            ApiUnavailable, RequestRefused
        """
        started = self.now()
        preparation = Preparation(self.values(snapshot))
        mail = mail_of_test(snapshot, Trigger.RECHECK, cluster_name="", now=started)
        settings = await self.prepare(snapshot, mail, Mode.LOGIN, preparation)
        inputs = TestInputs(login=settings.login, holders=tuple(holders(snapshot, preparation)))
        return inputs, preparation.password, baselines(preparation.values, snapshot, started)

    async def notify(
        self, snapshot: Snapshot, kind: Notification, *, send_permit: SendPermit, permit: LoginPermit
    ) -> DialogueReport:
        """Send a separate email; return whether it was accepted, and why not.

        Raises:
            ApiUnavailable, RequestRefused
        """
        mail = mail_about(snapshot, kind, cluster_name=self.policy.cluster_name, now=self.now())
        return await self.send(snapshot, mail, send_permit=send_permit, permit=permit)

    async def send(
        self, snapshot: Snapshot, mail: TestEmail, *, send_permit: SendPermit, permit: LoginPermit
    ) -> DialogueReport:
        """Send an email that is no test of Ready.

        Raises:
            ApiUnavailable, RequestRefused
        """
        preparation = Preparation(self.values(snapshot))
        try:
            settings = await self.prepare(snapshot, mail, Mode.SEND_EMAIL, preparation)
        except VerdictError as error:
            return DialogueReport(verdict=error.verdict, mode=Mode.SEND_EMAIL, duration=0.0)
        return await self._engine.run(settings, send_permit=send_permit, permit=permit)

    def drop_token(self, preparation: Preparation) -> None:
        """Drop the access token that a server rejected."""
        if self._tokens is not None:
            self._tokens.drop(preparation.token)

    async def password_changed(self, snapshot: Snapshot) -> bool:
        """Return whether the vault has another version of the password than the one that the last test used.

        Raises:
            ApiUnavailable, RequestRefused
        """
        preparation = Preparation(self.values(snapshot))
        try:
            resolved = await self._resolved(snapshot, preparation, _ignore_phase)
        except VerdictError:
            return False  # the next test reports it
        return _is_another(snapshot, resolved.version)

    def values(self, snapshot: Snapshot) -> SecretReader:
        """Return the reader of the keys that a snapshot names."""
        named = {(use.reference, use.data_key) for use in snapshot.uses}
        return SecretReader(
            self._get_object, keys=lambda reference: {key for it, key in named if it == reference}
        )

    def _not_started(self, verdict: Verdict, test: RunTest, started: float) -> DialogueReport:
        seconds = self.now() - started
        early = verdict.phase if verdict.phase in (Phase.PASSWORD, Phase.TOKEN) else None
        phases = (PhaseTiming(early, seconds),) if early else ()
        return DialogueReport(verdict=verdict, mode=test.mode, duration=seconds, phases=phases)

    async def prepare(
        self,
        snapshot: Snapshot,
        mail: TestEmail,
        mode: Mode,
        preparation: Preparation,
        on_phase: OnPhase = _ignore_phase,
    ) -> TestRequest:
        """Read what a test needs; return its input.

        Raises:
            VerdictError, ApiUnavailable, RequestRefused
        """
        spec = snapshot.spec
        self._check_recipients([recipient.address for recipient in mail.recipients])
        values = preparation.values
        login = await self._login(snapshot, preparation, on_phase)
        certificate = await self._client_certificate(snapshot, preparation)
        self._check_allowed_servers(snapshot, preparation)
        ca_pem = None
        if spec.tls is not None and spec.tls.ca_ref is not None:
            bundle = Reference(spec.tls.ca_ref.kind, snapshot.key.namespace, spec.tls.ca_ref.name)
            ca_pem = await values.bundle(bundle, spec.tls.ca_ref.key, field_path="tls.caRef")
        trust = server_trust(ca_pem, bindings_of(bound(snapshot, preparation)), field="tls.caRef")
        return TestRequest(
            server=spec.server,
            port=spec.port,
            smtp_type=spec.smtp_type,
            login=login,
            auth_mechanism=str(spec.auth_mechanism),
            sender=spec.from_,
            recipients=mail.recipients,
            helo_name=spec.helo_name or self.policy.helo_name,
            tls=TlsSettings(
                ca_pem=trust.ca_pem,
                not_admitted=trust.not_admitted,
                server_name=spec.tls.server_name if spec.tls else None,
                verify=not (spec.tls and spec.tls.insecure_skip_verify),
                client_certificate=certificate,
            ),
            absolute_name=trust.absolute_name,
            allow_insecure_auth=spec.allow_insecure_auth,
            mode=mode,
            timeout=snapshot.timeout,
            subject=mail.subject,
            body=mail.body,
            headers=(("X-Smtp-Operator", str(snapshot.key)),),
            message_id=mail.message_id,
        )

    async def _login(
        self, snapshot: Snapshot, preparation: Preparation, on_phase: OnPhase
    ) -> SmtpLogin | None:
        spec, values = snapshot.spec, preparation.values
        if spec.password is None and spec.oauth2 is None:
            return None
        try:
            resolved = await self._resolved(snapshot, preparation, on_phase)
        except VerdictError as error:
            preparation.password = unresolved(spec, error.verdict)
            raise
        preparation.password = PasswordResult(
            source=resolved.source,
            reference=resolved.reference,
            version=resolved.version,
            expires=resolved.expires,
            resolved=True,
            reason=resolved.reason,
            message=resolved.message,
        )
        username, username_origin = spec.username, ""
        if spec.username_ref is not None:
            name, key = spec.username_ref.name, spec.username_ref.key
            secret = Reference("Secret", snapshot.key.namespace, name)
            username = (await values.line(secret, key, field_path="usernameRef")).text
            username_origin = f"Secret {name}, key {key}"
        assert username is not None
        return SmtpLogin(
            username=username,
            password=resolved.value,
            origin=resolved.origin,
            by_token=spec.oauth2 is not None,
            username_origin=username_origin,
        )

    async def _resolved(
        self, snapshot: Snapshot, preparation: Preparation, on_phase: OnPhase
    ) -> ResolvedPassword:
        spec, values, namespace = snapshot.spec, preparation.values, snapshot.key.namespace
        if spec.oauth2 is not None:
            assert self._tokens is not None
            preparation.phase = Phase.TOKEN
            on_phase(Phase.TOKEN)
            token = await self._tokens.resolve(spec.oauth2, namespace, values)
            preparation.token = token.key
            preparation.credential_objects = token.credential_objects
            return token.password
        assert spec.password is not None
        destination = Destination(
            server=spec.server,
            port=spec.port,
            verified_tls=verified(spec),
            server_name=spec.tls.server_name if spec.tls else None,
        )
        reading = Reading(values=values, vaults=self._vaults, destination=destination)
        return await self._source_of(spec.password, reading).resolve(spec.password, namespace)

    async def _client_certificate(
        self, snapshot: Snapshot, preparation: Preparation
    ) -> ClientCertificate | None:
        tls, values = snapshot.spec.tls, preparation.values
        if tls is None or tls.client_certificate_ref is None:
            return None
        named = Reference("Secret", snapshot.key.namespace, tls.client_certificate_ref.name)
        return await values.client_certificate(named, field_path="tls.clientCertificateRef")

    def _check_allowed_servers(self, snapshot: Snapshot, preparation: Preparation) -> None:
        spec = snapshot.spec
        for credential in credentials(snapshot, preparation):
            check_destination(
                credential,
                server=spec.server,
                port=spec.port,
                verified_tls=verified(spec),
                required=self.policy.require_allowed_servers,
            )
            if spec.tls is not None and spec.tls.server_name is not None:
                check_destination(
                    credential,
                    server=spec.tls.server_name,
                    port=spec.port,
                    verified_tls=True,
                    required=False,
                    otherwise="remove tls.serverName, whose certificate any server could show",
                )

    def _check_recipients(self, addresses: list[str]) -> None:
        allowed = self.policy.recipient_domains
        for address in addresses:
            domain = bare_address(address).rpartition("@")[2].lower()
            if allowed and domain not in allowed:
                raise failed(
                    Reason.RECIPIENT_NOT_ALLOWED,
                    "A recipient's domain is not among the domains that this operator may send to:"
                    f" {', '.join(allowed)}. Set recipients to addresses in these domains, or ask a cluster"
                    " admin to add the domain to --allow-recipient-domain.",
                    phase=None,
                )


def _trigger(snapshot: Snapshot, test: RunTest, password: PasswordResult | None) -> Trigger:
    """Return the trigger of the test; a changed vault password is known only after the test."""
    automatic = test.trigger in (Trigger.RECHECK, Trigger.RETRY)
    if automatic and password is not None and _is_another(snapshot, password.version):
        return Trigger.PASSWORD_CHANGED
    return test.trigger


def _is_another(snapshot: Snapshot, version: str | None) -> bool:
    """Return whether the vault's password has another version than in the last test, if known."""
    used = snapshot.status.password
    if snapshot.spec.password is None or snapshot.spec.password.vault_item is None or used is None:
        return False
    return None not in (used.version, version) and used.version != version


def _with_phase_before(report: DialogueReport, phase: Phase, seconds: float) -> DialogueReport:
    phases = (PhaseTiming(phase, seconds), *report.phases)
    return replace(report, phases=phases, duration=report.duration + seconds)
