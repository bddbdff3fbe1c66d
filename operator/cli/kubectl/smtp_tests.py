# SPDX-License-Identifier: Apache-2.0
"""Run a SmtpTest: create it, with a Secret for its password, follow it, and delete both.

async with running(client, SmtpTestRequest(namespace="team-a", spec=spec), warn=print) as test:
    async for object_ in test.states():
        ...
"""

import asyncio
import base64
import secrets
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from smtp_operator.api.errors import ApiUnavailable, ClusterError, ObjectNotFound, RequestRefused
from smtp_operator.api.names import ALLOWED_SERVERS, API_VERSION, GROUP, SMTP_TEST_KIND, SMTP_TEST_PLURAL
from smtp_operator.api.objects import JsonObject, Reference
from smtp_operator.cli.kubectl.client import FIELD_MANAGER, SILENCE_SECONDS, parsed_change
from smtp_operator.cli.kubectl.errors import PluginFailed
from smtp_operator.cli.kubectl.rights import Right, as_text, missing_rights
from smtp_operator.cluster import paths
from smtp_operator.cluster.backoff import at_least, growing_delays
from smtp_operator.cluster.client import JSON, MERGE_PATCH, METADATA, KubernetesClient, Query
from smtp_operator.cluster.errors import Conflict, ListExpired
from smtp_operator.cluster.kept_fields import OURS

TTL: Final = "5m"
"""After this time the operator deletes a finished SmtpTest whose program was killed, and Kubernetes its
Secret."""

_LABELS: Final = {"app.kubernetes.io/managed-by": FIELD_MANAGER}
_WRITE: Final[Query] = (("fieldManager", FIELD_MANAGER), ("fieldValidation", "Strict"))
_DELETE_ATTEMPTS: Final = 4
_DELETE_SECONDS: Final = 10.0

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpTestRequest:
    """A SmtpTest to run."""

    namespace: str
    spec: JsonObject
    """The spec without ``ttlAfterFinished`` and, where ``password`` is set, without ``settings.password``."""
    password: str | None = field(default=None, repr=False)
    """Goes into a Secret that the SmtpTest names and owns; None: the spec needs no other password."""
    annotations: Mapping[str, str] | None = None
    """Annotations of that Secret; None: ``allowed-servers``, where it changes no verdict."""
    name: str = field(default_factory=lambda: f"{FIELD_MANAGER}-{secrets.token_hex(5)}")
    """Name of the SmtpTest and of its Secret."""

    @property
    def rights(self) -> tuple[Right, ...]:
        """The rights that the user needs to run it."""
        tests = [Right(verb, SMTP_TEST_PLURAL, GROUP) for verb in ("create", "get", "watch", "delete")]
        if self.password is None:
            return tuple(tests)
        verbs = [Right(verb, "secrets", name=self.name) for verb in ("get", "patch", "delete")]
        return (*tests, Right("create", "secrets"), *verbs)


class RunningSmtpTest:
    """A SmtpTest that exists until ``running`` ends."""

    def __init__(self, client: KubernetesClient, request: SmtpTestRequest) -> None:
        """Do not call this; use ``running``."""
        self.request = request
        self._client = client
        self._test = Reference("SmtpTest", request.namespace, request.name)
        self._secret = Reference("Secret", request.namespace, request.name)
        self._object: JsonObject = {}
        self._may_exist: list[Reference] = []
        """Objects whose creation was requested."""
        self._owned = False

    @property
    def name(self) -> str:
        """The name of the SmtpTest."""
        return self.request.name

    async def states(self) -> AsyncGenerator[JsonObject, None]:
        """Yield the SmtpTest as created and after each change, until its verdict; reconnect without limit.

        Raises:
            PluginFailed: it was deleted before.
            ClusterError: reading it is not allowed.
        """
        object_, delays = self._object, growing_delays()
        yield object_
        while not is_finished(object_):
            try:
                if not object_:
                    object_ = await self._read()
                    yield object_
                    continue
                async with self._lines(object_) as lines:
                    async for line in lines:
                        delays = growing_delays()
                        kind, changed = parsed_change(line)
                        if kind == "DELETED":
                            raise _deleted()
                        if kind == "BOOKMARK":
                            object_["metadata"]["resourceVersion"] = changed["metadata"]["resourceVersion"]
                            continue
                        object_ = changed
                        yield object_
                        if is_finished(object_):
                            return
                delay = next(delays)
            except ListExpired:
                object_, delay = {}, 0.0
            except ApiUnavailable as error:
                delay = at_least(next(delays), error)
            await asyncio.sleep(delay)

    async def create(self) -> None:
        """Create the objects.

        Raises:
            PluginFailed: the user lacks a right, or the cluster has no SmtpTests.
            ClusterError: the API server did not answer, or refused.
        """
        request, client = self.request, self._client
        missing = await missing_rights(client, request.namespace, request.rights)
        if missing:
            raise PluginFailed(_lacking(missing, request.namespace))
        body = self._body()
        if request.password is not None:
            await self._post(self._test, body, dry_run=True)  # refused before the password is stored
            await self._post(self._secret, self._secret_body(request.password))
        self._object = await self._post(self._test, body)
        if request.password is not None:
            await _completed(self._own_secret())
            self._owned = True

    async def delete(self) -> list[str]:
        """Delete what may exist; return sentences about what could not be deleted."""
        left_over = []
        for reference in reversed(self._may_exist):  # without its SmtpTest, nothing uses the Secret
            error = await self._delete(reference)
            if error is not None and reference.kind == "SmtpTest":
                later = f"The operator deletes it {TTL} after its end."
                left_over.append(f"{reference} could not be deleted: {error}. {later}")
            elif error is not None and not self._owned:
                command = f"kubectl delete secret {self.name} -n {self.request.namespace}"
                left_over.append(f"{reference} could not be deleted: {error}. Delete it: {command}")
        self._may_exist.clear()
        return left_over

    def _body(self) -> JsonObject:
        spec: JsonObject = {**self.request.spec, "ttlAfterFinished": TTL}
        if self.request.password is not None:
            named = {"secretRef": {"name": self.name, "key": "password"}}
            spec["settings"] = {**spec["settings"], "password": named}
        metadata = {"name": self.name, "namespace": self.request.namespace, "labels": _LABELS}
        return {"apiVersion": API_VERSION, "kind": SMTP_TEST_KIND, "metadata": metadata, "spec": spec}

    def _secret_body(self, password: str) -> JsonObject:
        metadata: JsonObject = {"name": self.name, "namespace": self.request.namespace, "labels": _LABELS}
        server = bound_to(self.request.spec["settings"])
        annotations = {ALLOWED_SERVERS: server} if server else {}
        metadata["annotations"] = (
            annotations if self.request.annotations is None else self.request.annotations
        )
        data = {"password": base64.b64encode(password.encode()).decode()}
        return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": "Opaque", "data": data}

    async def _post(self, reference: Reference, body: JsonObject, *, dry_run: bool = False) -> JsonObject:
        if not dry_run:
            self._may_exist.append(reference)
        query = [*_WRITE, ("dryRun", "All")] if dry_run else _WRITE
        accept = METADATA if reference.kind == "Secret" else JSON
        path = paths.objects(reference.kind, reference.namespace)
        try:
            sent = self._client.request("POST", path, query=query, body=body, accept=accept)
            return await _completed(sent)
        except ApiUnavailable:
            raise  # it may have been created
        except ClusterError as error:
            if not dry_run:
                self._may_exist.remove(reference)
            if isinstance(error, ObjectNotFound):
                raise PluginFailed(_not_served(reference, error)) from error
            if isinstance(error, RequestRefused):
                raise PluginFailed(f"the API server refuses the {reference.kind}: {error}") from error
            raise

    async def _own_secret(self) -> None:
        """Make the SmtpTest the owner of the Secret: Kubernetes deletes both, even without this program."""
        owner = {
            "apiVersion": API_VERSION,
            "kind": SMTP_TEST_KIND,
            "name": self.name,
            "uid": self._object["metadata"]["uid"],
        }
        await self._client.request(
            "PATCH",
            paths.object_path(self._secret),
            query=[("fieldManager", FIELD_MANAGER)],
            body={"metadata": {"ownerReferences": [owner]}},
            content_type=MERGE_PATCH,
            accept=METADATA,
        )

    async def _read(self) -> JsonObject:
        try:
            return await self._client.request("GET", paths.object_path(self._test), keep=OURS)
        except ObjectNotFound:
            raise _deleted() from None

    @asynccontextmanager
    async def _lines(self, object_: JsonObject) -> AsyncIterator[AsyncIterator[bytes]]:
        query = [
            ("fieldSelector", f"metadata.name={self.name}"),
            ("watch", "true"),
            ("allowWatchBookmarks", "true"),
            ("resourceVersion", str(object_["metadata"]["resourceVersion"])),
        ]
        path = paths.objects("SmtpTest", self.request.namespace)
        watching = self._client.lines(path, query=query, accept=JSON, silence=SILENCE_SECONDS, keep=OURS)
        async with watching as lines:
            yield lines

    async def _delete(self, reference: Reference) -> ClusterError | None:
        delays, body = growing_delays(), {"kind": "DeleteOptions", "propagationPolicy": "Background"}
        for attempt in range(1, _DELETE_ATTEMPTS + 1):
            try:
                path = paths.object_path(reference)
                accept = METADATA if reference.kind == "Secret" else JSON
                await self._client.request(
                    "DELETE", path, body=body, accept=accept, timeout=_DELETE_SECONDS, keep=OURS
                )
            except (ObjectNotFound, Conflict):
                return None
            except ApiUnavailable as error:
                if attempt == _DELETE_ATTEMPTS:
                    return error
                await asyncio.sleep(next(delays))
            except ClusterError as error:
                return error
            else:
                return None
        return None


@asynccontextmanager
async def running(
    client: KubernetesClient, request: SmtpTestRequest, *, warn: Callable[[str], None]
) -> AsyncIterator[RunningSmtpTest]:
    """Create a SmtpTest for the block, and delete it and its Secret at the end, whatever happens.

    ``warn`` receives a sentence about each object that could not be deleted.

    Raises:
        PluginFailed, ClusterError: see ``RunningSmtpTest.create``.
    """
    test = RunningSmtpTest(client, request)
    try:
        await test.create()
        yield test
    finally:
        for sentence in await test.delete():
            warn(sentence)


def is_finished(object_: JsonObject) -> bool:
    """Return whether a SmtpTest has its verdict."""
    conditions = (object_.get("status") or {}).get("conditions") or ()
    return any(it["type"] == "Ready" and it["status"] in ("True", "False") for it in conditions)


async def _completed(request: Coroutine[Any, Any, _T]) -> _T:
    """Await a request to its end even if this task is cancelled: its object is deleted only after that."""
    task = asyncio.ensure_future(request)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await asyncio.gather(task, return_exceptions=True)
        raise


def bound_to(settings: JsonObject) -> str:
    """Return ``allowed-servers`` for the password's Secret; empty where a binding could change the verdict.

    A bound password needs a verified certificate of the system's CAs for a listed name, and the full name of
    the server: names such as ``postfix.mail`` are found by search domains only.
    """
    tls = settings.get("tls") or {}
    server, port = str(settings["server"]), settings["port"]
    name = server.rstrip(".")
    short = ":" not in name and (name.count(".") < 2 or name.endswith((".svc", ".local")))
    if short or settings.get("smtpType") == "None" or tls.get("caRef") or tls.get("insecureSkipVerify"):
        return ""
    names = dict.fromkeys((server, str(tls.get("serverName") or server)))
    return ",".join(f"[{it}]:{port}" if ":" in it else f"{it}:{port}" for it in names)


def _lacking(missing: Sequence[Right], namespace: str) -> str:
    text = f"you lack rights in namespace {namespace} that a SmtpTest needs: {as_text(missing)}."
    if any(it.resource == SMTP_TEST_PLURAL for it in missing):
        return f"{text} Ask for the role smtp-operator-test"
    return (
        f"{text} They are for a Secret with the password: store it first, and name it in password.secretRef"
    )


def _not_served(reference: Reference, error: ClusterError) -> str:
    if 'namespaces "' in str(error):
        return f"namespace {reference.namespace} does not exist"
    return (
        "this cluster has no SmtpTests: its smtp-operator is not installed, or is older than this plug-in."
        " Ask a cluster admin to apply the CRDs of this release"
    )


def _deleted() -> PluginFailed:
    return PluginFailed("its SmtpTest was deleted before it finished")
