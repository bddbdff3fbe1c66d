# SPDX-License-Identifier: Apache-2.0
"""The page's server: static files, and the JSON API of the page.

Every response has the headers of ``security.RESPONSE_HEADERS``; an error is ``{"error": TEXT}``, for an
invalid form also ``problems``, for fields of other managers also ``fields``. Requests below ``/api/`` need
the cookie. There is no route that passes a path or verb on to the API server.

GET  /, /app.mjs, /style.css  the page; it contains no data
POST /session                 {token}: exchanges the one-time token for the cookie
GET  /api/info                server, user, namespace, allNamespaces, readOnly, version, localTest
GET  /api/stream              lines of JSON: ``rows`` (see ``rows``), ``deleted``, ``loading``, ``problems``
GET  /api/namespaces          {namespaces}
GET  /api/choices?namespace=  see ``choices.choices_in``; and ``denied``, see ``choices.rights_in``
GET  /api/object?kind=&namespace=&name=  see ``history.object_shown``
POST /api/yaml                a form (see ``draft.Draft``): {yaml}
POST /api/preview             a form: see ``submit.Submitter.preview``
POST /api/submit              a form: see ``submit.Submitter.submit``
POST /api/test                a form: lines of JSON, see ``trial``
"""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from importlib import resources
from typing import Any, Final

from aiohttp import web

from smtp_operator.api.errors import AccessDenied, ApiUnavailable, ClusterError, ObjectNotFound, origin
from smtp_operator.api.objects import Reference
from smtp_operator.cli.check.manifest import is_object_name
from smtp_operator.cli.kubectl.errors import PluginFailed
from smtp_operator.cli.kubectl.ui import local_test
from smtp_operator.cli.kubectl.ui.choices import choices_in, namespaces_of, rights_in
from smtp_operator.cli.kubectl.ui.draft import Draft, draft_of
from smtp_operator.cli.kubectl.ui.errors import InvalidForm, PageError
from smtp_operator.cli.kubectl.ui.history import object_shown
from smtp_operator.cli.kubectl.ui.inventory import KINDS, Inventory
from smtp_operator.cli.kubectl.ui.local_test import Event
from smtp_operator.cli.kubectl.ui.security import RESPONSE_HEADERS, RequestDenied, Session
from smtp_operator.cli.kubectl.ui.submit import FieldsOwned, Submitter, manifests
from smtp_operator.cli.kubectl.ui.trial import tested
from smtp_operator.cluster.client import KubernetesClient
from smtp_operator.cluster.errors import Conflict

_FILES: Final = {
    "/": ("index.html", "text/html"),
    "/app.mjs": ("app.mjs", "text/javascript"),
    "/style.css": ("style.css", "text/css"),
}
_LONGEST_BODY: Final = 256 * 1024
_ROWS_PER_LINE: Final = 500
_BATCH_SECONDS: Final = 0.1
"""Changes within this time are sent together."""
_HEARTBEAT_SECONDS: Final = 15.0
_STATUS_OF: Final[tuple[tuple[type[Exception], int], ...]] = (
    (AccessDenied, 403),
    (ObjectNotFound, 404),
    (Conflict, 409),
    (ApiUnavailable, 503),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageInfo:
    """Facts that the page shows about itself."""

    server: str
    """URL of the API server."""
    user: str
    namespace: str
    """The default namespace of a new SmtpConfig."""
    all_namespaces: bool
    read_only: bool
    version: str


class PageServer:
    """Answers the requests of the page."""

    def __init__(
        self, client: KubernetesClient, inventory: Inventory, session: Session, info: PageInfo
    ) -> None:
        self._client = client
        self._inventory = inventory
        self._session = session
        self._info = info
        self._submitter = Submitter(client)
        self._tests: set[asyncio.Task[Any]] = set()
        self._submits: set[asyncio.Task[Any]] = set()

    def application(self) -> web.Application:
        """Return the application to serve."""
        application = web.Application(middlewares=[self._checked], client_max_size=_LONGEST_BODY)
        for path, (file, content_type) in _FILES.items():
            application.router.add_get(path, _static(file, content_type))
        application.router.add_get("/favicon.ico", _no_icon)
        application.router.add_post("/session", self._exchange)
        reads: Mapping[str, Callable[[web.Request], Awaitable[web.StreamResponse]]] = {
            "info": self._show_info,
            "stream": self._stream,
            "namespaces": self._namespaces,
            "choices": self._choices,
            "object": self._object,
        }
        for name, handler in reads.items():
            application.router.add_get(f"/api/{name}", handler)
        application.router.add_post("/api/yaml", self._yaml)
        for name, handler in {"preview": self._preview, "submit": self._submit, "test": self._test}.items():
            application.router.add_post(f"/api/{name}", self._writing(handler))
        application.on_response_prepare.append(_add_headers)
        return application

    async def stop(self) -> None:
        """Cancel the running tests, and wait until they have deleted their objects; finish submits."""
        for test in self._tests:
            test.cancel()
        await asyncio.gather(*self._tests, *self._submits, return_exceptions=True)

    @web.middleware
    async def _checked(
        self, request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        try:
            self._session.check_origin(request.method, request.headers)
            if request.path.startswith("/api/"):
                self._session.check_cookie(request.cookies, request.headers)
            return await handler(request)
        except RequestDenied as error:
            return _error(error.status, str(error))
        except InvalidForm as error:
            problems = [{"field": field, "text": text} for field, text in error.problems]
            return _error(error.status, str(error), problems=problems)
        except FieldsOwned as error:
            return _error(error.status, str(error), fields=error.fields)
        except PageError as error:
            return _error(error.status, str(error))
        except PluginFailed as error:
            return _error(409, str(error))
        except ClusterError as error:
            return _error(_status_of(error), str(error))
        except web.HTTPException as error:
            return _error(error.status, error.reason)
        except Exception as error:
            return _error(500, f"Unexpected error: {origin(error)}")

    def _writing(
        self, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            if self._info.read_only:
                raise PageError(403, "The page is read-only: it was started with --read-only.")
            return await handler(request)

        return handle

    async def _exchange(self, request: web.Request) -> web.Response:
        body = await _json_of(request)
        token = body.get("token") if isinstance(body, dict) else None
        cookie = self._session.exchange(token if isinstance(token, str) else "")
        response = web.json_response({})
        response.set_cookie(
            self._session.cookie_name, cookie, httponly=True, samesite="Strict", path="/", max_age=None
        )
        return response

    async def _show_info(self, request: web.Request) -> web.Response:
        info = self._info
        return web.json_response(
            {
                "server": info.server,
                "user": info.user,
                "namespace": info.namespace,
                "allNamespaces": info.all_namespaces,
                "readOnly": info.read_only,
                "version": info.version,
                "localTest": local_test.is_available(),
            }
        )

    async def _namespaces(self, request: web.Request) -> web.Response:
        return web.json_response({"namespaces": await namespaces_of(self._client)})

    async def _choices(self, request: web.Request) -> web.Response:
        namespace = _name_in(request, "namespace")
        found, denied = await asyncio.gather(
            choices_in(self._client, namespace, time.time()), rights_in(self._client, namespace)
        )
        return web.json_response({**found, "denied": denied})

    async def _object(self, request: web.Request) -> web.Response:
        asked = request.query.get("kind", "")
        kind = next((it for it in KINDS if it == asked), None)
        if kind is None:
            raise PageError(400, "The parameter kind is not SmtpConfig, SmtpVault or ClusterSmtpVault.")
        namespace = "" if kind == "ClusterSmtpVault" else _name_in(request, "namespace")
        reference = Reference(kind, namespace, _name_in(request, "name"))
        return web.json_response(await object_shown(self._client, reference, time.time()))

    async def _yaml(self, request: web.Request) -> web.Response:
        return web.json_response({"yaml": manifests(draft_of(await _json_of(request)))})

    async def _preview(self, request: web.Request) -> web.Response:
        return web.json_response(await self._submitter.preview(draft_of(await _json_of(request))))

    async def _submit(self, request: web.Request) -> web.Response:
        draft = draft_of(await _json_of(request))
        # A page that is closed meanwhile must not leave half of the objects.
        submit = asyncio.create_task(self._submitter.submit(draft))
        self._submits.add(submit)
        submit.add_done_callback(self._submits.discard)
        return web.json_response(await asyncio.shield(submit))

    async def _test(self, request: web.Request) -> web.StreamResponse:
        draft = draft_of(await _json_of(request))
        response = await _lines_response(request)
        running = asyncio.current_task()
        assert running is not None
        self._tests.add(running)
        try:
            async with aclosing(self._events(draft)) as events:
                async for event in events:
                    await _write(response, event)
        finally:
            self._tests.discard(running)
        return response

    async def _events(self, draft: Draft) -> AsyncGenerator[Event, None]:
        try:
            async with aclosing(tested(self._client, draft)) as events:
                async for event in events:
                    yield event
        except (PageError, PluginFailed, ClusterError) as error:
            yield {"event": "error", "text": str(error)}

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        response = await _lines_response(request)
        inventory = self._inventory
        with inventory.subscribed() as subscriber:
            while True:
                changed = subscriber.take()
                rows = [it for it in changed.values() if it is not None]
                for start in range(0, max(len(rows), 1), _ROWS_PER_LINE):
                    line: dict[str, Any] = {"rows": rows[start : start + _ROWS_PER_LINE]}
                    if start + _ROWS_PER_LINE >= len(rows):
                        line |= {
                            "deleted": [id_ for id_, row in changed.items() if row is None],
                            "loading": bool(inventory.loading),
                            "problems": inventory.problems,
                        }
                    await _write(response, line)
                while not await _set_within(subscriber.changed, _HEARTBEAT_SECONDS):
                    await response.write(b"\n")
                await asyncio.sleep(_BATCH_SECONDS)


def _static(file: str, content_type: str) -> Callable[[web.Request], Awaitable[web.Response]]:
    content = (resources.files("smtp_operator.cli.kubectl.ui") / "static" / file).read_bytes()

    async def handle(request: web.Request) -> web.Response:
        return web.Response(body=content, content_type=content_type, charset="utf-8")

    return handle


async def _no_icon(request: web.Request) -> web.Response:
    """Answer the browser's request for an icon; without this it would report an error."""
    return web.Response(status=204)


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(RESPONSE_HEADERS)
    response.headers.pop("Server", None)


def _error(status: int, text: str, **more: Any) -> web.Response:
    return web.json_response({"error": text, **more}, status=status)


def _status_of(error: ClusterError) -> int:
    return next((status for kind, status in _STATUS_OF if isinstance(error, kind)), 422)


async def _json_of(request: web.Request) -> Any:
    try:
        return json.loads(await request.read())
    except (ValueError, RecursionError):
        raise PageError(400, "The body is not JSON.") from None


def _name_in(request: web.Request, parameter: str) -> str:
    value = request.query.get(parameter, "")
    if not is_object_name(value):
        raise PageError(400, f"The parameter {parameter} is not a name.")
    return value


async def _lines_response(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    response.content_type = "application/x-ndjson"
    await response.prepare(request)
    return response


async def _write(response: web.StreamResponse, line: Mapping[str, Any]) -> None:
    await response.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")


async def _set_within(event: asyncio.Event, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
