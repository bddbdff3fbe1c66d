# SPDX-License-Identifier: Apache-2.0
"""The commands of ``kubectl smtp`` that use a cluster."""

import argparse
import json
import re
import shlex
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import yaml

from smtp_operator.api.durations import parse_duration
from smtp_operator.api.errors import AccessDenied
from smtp_operator.api.fixes import fix_for
from smtp_operator.api.objects import ObjectKey
from smtp_operator.api.reasons import Reason
from smtp_operator.cli.check.manifest import is_object_name
from smtp_operator.cli.exit_codes import FAILED, PASSED, PASSWORD_UNRESOLVED, TRANSIENT, USAGE
from smtp_operator.cli.kubectl.client import Selection, SmtpConfigClient
from smtp_operator.cli.kubectl.errors import PluginFailed
from smtp_operator.cli.kubectl.explain import reason_named
from smtp_operator.cli.kubectl.output import TestProgress, history_of, listing, verdict_of
from smtp_operator.cli.kubectl.results import as_json, show
from smtp_operator.cli.kubectl.smtp_test_requests import (
    check_recipients,
    config_in_file,
    request_of_config,
)
from smtp_operator.cli.kubectl.smtp_test_runs import SmtpTestRuns, TestedConfig, uninterrupted
from smtp_operator.cli.kubectl.snapshot import ConfigSnapshot
from smtp_operator.cli.kubectl.vaults import list_vaults, show_vaults
from smtp_operator.cli.kubectl.version import show_version
from smtp_operator.cli.kubectl.wait import TestAnswer, TestRequests
from smtp_operator.cli.streams import write
from smtp_operator.cli.terminal import ColorMode, TerminalStyle
from smtp_operator.cluster.access import Access, AccessOverrides, find_access
from smtp_operator.cluster.client import KubernetesClient
from smtp_operator.settings import Settings

_WORST_FIRST: Final = (USAGE, FAILED, PASSWORD_UNRESOLVED, TRANSIENT)
_TYPED_NAME: Final = re.compile(r"(?:smtp|smtpconfigs?)(?:\.smtp-operator\.io)?/", re.IGNORECASE)


def worst(codes: Sequence[int]) -> int:
    """Return the combined exit code of several SmtpConfigs."""
    return next((code for code in _WORST_FIRST if code in codes), PASSED)


class PluginSession:
    """Runs one command against a cluster."""

    def __init__(self, options: argparse.Namespace, environment: Mapping[str, str]) -> None:
        """Check the arguments; no request is sent yet.

        Raises:
            PluginFailed: the arguments cannot be combined.
        """
        self._options = options
        self._environment = environment
        if options.command == "ui":
            self._check_page()
        else:
            self._check()

    async def run(self) -> int:
        """Run the command and return the exit code.

        Raises:
            PluginFailed, ClusterError: there is no result to show.
        """
        options = self._options
        settings = Settings(kubeconfig=options.kubeconfig or "", context=options.context or "")
        access = await find_access(settings, self._environment, self._overrides())
        client = KubernetesClient(access)
        if options.command == "version":
            try:
                return await show_version(client, options.output)
            finally:
                await client.close()
        if options.command == "ui":
            try:
                return await self._page(client, access)
            finally:
                await client.close()
        commands: dict[str, Callable[..., Any]] = {
            "test": self._test,
            "status": self._status,
            "suggest": self._suggest,
        }
        try:
            selection = self._selection(access)
            code: int = await commands[options.command](SmtpConfigClient(client, selection), selection)
            return code
        finally:
            await client.close()

    def _overrides(self) -> AccessOverrides:
        options = self._options
        if options.as_group and not getattr(options, "as"):
            raise PluginFailed("--as-group requires --as")
        try:
            text = options.request_timeout or "0s"
            timeout = float(text) if text.isdecimal() else parse_duration(text)
        except ValueError as error:
            raise PluginFailed(f"--request-timeout: {error}") from None
        return AccessOverrides(
            cluster=options.cluster or "",
            user=options.user or "",
            token=options.token or "",
            impersonate=getattr(options, "as") or "",
            groups=tuple(options.as_group or ()),
            insecure_skip_tls_verify=options.insecure_skip_tls_verify,
            request_timeout=timeout or None,
        )

    def _check_page(self) -> None:
        options = self._options
        if not (options.port.isascii() and options.port.isdecimal() and int(options.port) <= 65535):
            raise PluginFailed(f"--port: {options.port!r} is not a port")
        if options.all_namespaces and options.namespace is not None:
            raise PluginFailed("--namespace cannot be combined with --all-namespaces")
        if options.namespace is not None and not is_object_name(options.namespace):
            raise PluginFailed(f"--namespace: {options.namespace!r} is not the name of a namespace")

    def _check(self) -> None:
        options = self._options
        names = [options.words] if isinstance(options.words, str) else options.words
        for name in names:
            if not is_object_name(_TYPED_NAME.sub("", name, count=1)):
                raise PluginFailed(f"{name!r} is not the name of a SmtpConfig")
        if options.namespace is not None and not is_object_name(options.namespace):
            raise PluginFailed(f"--namespace: {options.namespace!r} is not the name of a namespace")
        if options.command in ("suggest", "version"):
            return
        if options.all_namespaces and names:
            raise PluginFailed("NAME cannot be combined with --all-namespaces; set its namespace with -n")
        if options.all_namespaces and options.namespace is not None:
            raise PluginFailed("--namespace cannot be combined with --all-namespaces")
        if options.selector and names:
            raise PluginFailed("NAME cannot be combined with --selector")
        if options.command == "test":
            self._check_test(names)
        else:
            self._check_status(names)

    def _check_status(self, names: Sequence[str]) -> None:
        options = self._options
        filtered = options.not_ready or options.reason or options.server
        if options.vaults and (names or options.selector or filtered):
            raise PluginFailed("--vaults cannot be combined with NAME or a filter")
        if names and filtered:
            raise PluginFailed("NAME cannot be combined with --not-ready, --reason or --server")

    def _check_test(self, names: Sequence[str]) -> None:
        options = self._options
        if names and options.all:
            raise PluginFailed("NAME cannot be combined with --all")
        several = options.selector or options.all or options.all_namespaces
        single = options.filename is not None or options.to or options.mode
        if not single and not names and not several:
            raise PluginFailed("select SmtpConfigs with NAME, -l SELECTOR, --all (of the namespace) or -A")
        if options.filename is not None and (several or len(names) > 1):
            raise PluginFailed(
                "--filename can be combined with one NAME, which selects a SmtpConfig of the file"
            )
        if single and options.filename is None and (several or len(names) != 1):
            raise PluginFailed("--to and --mode require --filename or one NAME")
        if options.to:
            check_recipients(options.to)

    def _selection(self, access: Access) -> Selection:
        options = self._options
        names = [options.words] if isinstance(options.words, str) else options.words
        everywhere = getattr(options, "all_namespaces", False)
        servers = getattr(options, "server", None) or []
        return Selection(
            namespace=None if everywhere else options.namespace or access.namespace,
            names=tuple(_TYPED_NAME.sub("", name, count=1) for name in names),
            labels=getattr(options, "selector", None) or "",
            server=servers[0] if len(servers) == 1 else "",
        )

    def _style(self, stream: Any) -> TerminalStyle:
        color = ColorMode.NEVER if self._options.no_color else ColorMode(self._options.color)
        return TerminalStyle.of(stream, self._environment, color)

    async def _page(self, client: KubernetesClient, access: Access) -> int:
        from smtp_operator.cli.kubectl.ui.command import PageOptions, run_page  # loads the web server

        options = self._options
        page = PageOptions(
            namespace=options.namespace or access.namespace,
            all_namespaces=options.all_namespaces,
            read_only=options.read_only,
            port=int(options.port),
            browser=not options.no_browser,
        )
        return await run_page(client, page, self._environment)

    async def _test(self, configs: SmtpConfigClient, selection: Selection) -> int:
        options = self._options
        try:
            timeout = parse_duration(options.timeout)
        except ValueError as error:
            raise PluginFailed(f"--timeout: {error}") from None
        by_smtp_test = await self._tested_once(selection)
        targets: Sequence[ConfigSnapshot] = ()
        if not by_smtp_test:
            try:
                targets, version = await configs.list_configs()
            except AccessDenied as error:
                if not selection.names or selection.namespace is None:
                    raise
                keys = [ObjectKey(selection.namespace, name) for name in dict.fromkeys(selection.names)]
                by_smtp_test = _tested_instead(dict.fromkeys(keys, str(error)))
            else:
                if not targets:
                    raise PluginFailed(f"no SmtpConfig {selection.where} to test")
        total = len(targets) or len(by_smtp_test)
        progress = TestProgress(sys.stderr, self._style(sys.stderr), total=total)
        listener = progress if options.output == "json" else _Verdicts(progress, self._style(sys.stdout))
        answers: list[TestAnswer] = []
        try:
            if targets:
                requests = TestRequests(configs, listener)
                answers += await requests.run(targets, version, timeout=timeout)
                by_smtp_test = _tested_instead(requests.denied)
            if by_smtp_test:
                runs = SmtpTestRuns(configs.client, listener, timeout=timeout, warn=progress.warn)
                answers += await uninterrupted(runs.run(by_smtp_test))
        finally:
            progress.clear()
        answers.sort(key=lambda it: it.config.key)
        code = worst([it.exit_code for it in answers])
        if options.output == "json":
            show(as_json({"exitCode": code, "items": [_answer_as_json(it) for it in answers]}))
        return code

    async def _tested_once(self, selection: Selection) -> list[TestedConfig]:
        """Return the test that the arguments describe; empty: the annotation requests the tests."""
        options = self._options
        if options.filename is None and not options.to and not options.mode:
            return []
        namespace, name = selection.namespace or "", next(iter(selection.names), None)
        to, mode = options.to or (), options.mode
        if options.filename is None:
            key = ObjectKey(namespace, str(name))
            return [TestedConfig(key=key, request=request_of_config(key, to=to, mode=mode))]
        config = await config_in_file(
            options.filename,
            sys.stdin,
            name=name,
            namespace=options.namespace,
            default_namespace=namespace,
        )
        return [TestedConfig(key=config.key, request=config.request(to=to, mode=mode))]

    async def _status(self, configs: SmtpConfigClient, selection: Selection) -> int:
        options, now = self._options, time.time()
        if options.vaults:
            vaults = await list_vaults(configs.client, selection.namespace)
            show_vaults(vaults, options.output, self._style(sys.stdout))
            failed = any(it.passed is False for it in vaults)
            return FAILED if failed and options.exit_code else PASSED
        reasons = [reason_named(it) for it in options.reason or ()]
        found, _ = await configs.list_configs()
        shown = [it for it in found if _matches(it, options, reasons)]
        code = worst([it.exit_code for it in shown]) if options.exit_code else PASSED
        if options.output == "json":
            show(as_json({"exitCode": code, "items": [it.as_json() for it in shown]}))
            return code
        style = self._style(sys.stdout)
        if selection.names:
            show("\n".join(verdict_of(it, style, now) + history_of(it, now) for it in shown))
        elif shown:
            lines = listing(
                shown, style, now, namespaces=options.all_namespaces, wide=options.output == "wide"
            )
            show("\n".join(lines) + "\n")
        if not selection.names:
            write(sys.stderr, f"{_counted(shown, selection, filtered=len(shown) < len(found))}\n")
        return code

    async def _suggest(self, configs: SmtpConfigClient, selection: Selection) -> int:
        (config,), _ = await configs.list_configs()
        suggestion = config.status.suggestion if config.has_verdict else None
        fields = suggestion.model_dump(by_alias=True, exclude_none=True) if suggestion else {}
        if not fields:
            raise PluginFailed(f"{config.key} has no suggestion: {_why_none(config)}", FAILED)
        patch = {"spec": fields}
        command = self._patch_command(config, patch)
        if self._options.output == "json":
            key = config.key
            show(as_json({"namespace": key.namespace, "name": key.name, "patch": patch, "command": command}))
        else:
            show(yaml.safe_dump(patch, sort_keys=False))
            write(sys.stderr, f"To apply it: {command}\n")
        return PASSED

    def _patch_command(self, config: ConfigSnapshot, patch: dict[str, Any]) -> str:
        options = self._options
        words = ["kubectl", "patch", "smtpconfig", config.key.name, "-n", config.key.namespace]
        for flag in ("kubeconfig", "context"):
            if value := getattr(options, flag):
                words.append(f"--{flag}={value}")
        return shlex.join([*words, "--type=merge", "-p", json.dumps(patch, separators=(",", ":"))])


def _tested_instead(denied: Mapping[ObjectKey, str]) -> list[TestedConfig]:
    """Return tests by SmtpTests for SmtpConfigs of which the user may not request a test."""
    return [TestedConfig(key=key, request=request_of_config(key), denied=why) for key, why in denied.items()]


class _Verdicts:
    """Shows each verdict on arrival, in addition to the progress."""

    def __init__(self, progress: TestProgress, style: TerminalStyle) -> None:
        self._progress = progress
        self._style = style
        self.requested = progress.requested
        self.no_test_started = progress.no_test_started

    def answered(self, answer: TestAnswer) -> None:
        """Show the verdict of a finished request."""
        self._progress.answered(answer)
        if not answer.problem:
            show(verdict_of(answer.config, self._style, time.time()))


def _matches(config: ConfigSnapshot, options: argparse.Namespace, reasons: Sequence[Reason]) -> bool:
    if options.not_ready and config.passed:
        return False
    if reasons and config.reason not in reasons:
        return False
    return not options.server or config.server in options.server


def _counted(shown: Sequence[ConfigSnapshot], selection: Selection, *, filtered: bool) -> str:
    if not shown:
        return f"No SmtpConfig {selection.where}{' matches' if filtered else ''}."
    numbers = [
        (sum(it.passed is True for it in shown), "ready"),
        (sum(it.passed is False for it in shown), "failed"),
        (sum(it.passed is None for it in shown), "without a verdict"),
    ]
    counts = ", ".join(f"{number} {what}" for number, what in numbers if number)
    return f"{len(shown)} SmtpConfig{'s' if len(shown) > 1 else ''} {selection.where}: {counts}."


def _why_none(config: ConfigSnapshot) -> str:
    if not config.has_verdict:
        return f"its spec has no verdict yet. See: kubectl smtp status {config.key.name}"
    if config.passed:
        return f"its last test passed ({config.reason})"
    if config.passed is None:
        return f"it has no verdict yet ({config.reason})"
    fix = f" {fix_for(config.known_reason)}" if config.known_reason else ""
    return f"no second attempt found working settings for {config.reason}.{fix}"


def _answer_as_json(answer: TestAnswer) -> dict[str, Any]:
    shown = answer.config.as_json()
    if not answer.problem:
        return shown
    verdict = dict.fromkeys(("passed", "reason", "message", "summary", "phase", "retry"))
    return shown | verdict | {"exitCode": answer.code, "error": answer.problem}
