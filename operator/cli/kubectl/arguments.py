# SPDX-License-Identifier: Apache-2.0
"""The commands and flags of ``kubectl smtp``: one table for parser, completion and reference."""

import re
from dataclasses import dataclass
from enum import StrEnum, auto
from typing import Final

from smtp_operator.api.verdict import Mode
from smtp_operator.cli.terminal import ColorMode


class Values(StrEnum):
    """The values that completion offers for a word without fixed choices."""

    NOTHING = auto()
    NAMES = auto()
    NAMESPACES = auto()
    CONTEXTS = auto()
    REASONS = auto()
    FILES = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginFlag:
    """A flag; without ``metavar`` it takes no value."""

    name: str
    """The long form, such as ``--namespace``."""
    short: str = ""
    """The short form, such as ``-n``; empty: none."""
    metavar: str = ""
    help: str
    default: str | None = None
    choices: tuple[str, ...] = ()
    values: Values = Values.NOTHING
    repeated: bool = False

    @property
    def options(self) -> tuple[str, ...]:
        """All spellings of the flag."""
        return (self.short, self.name) if self.short else (self.name,)

    @property
    def takes_value(self) -> bool:
        """Whether the flag takes a value."""
        return bool(self.metavar or self.choices)


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginCommand:
    """A subcommand."""

    name: str
    argument: str
    """Metavar of its arguments, such as ``NAME``."""
    count: str | None
    """``nargs`` of argparse; None means exactly one."""
    values: Values
    help: str
    description: str
    flags: tuple[PluginFlag, ...]


EXIT_CODES: Final = """\
exit codes:
  0  all passed
  1  a test failed, and the settings must change; or there is no suggestion
  2  the arguments or the kubeconfig cannot be used, or the SmtpConfig does not exist
  3  a test failed temporarily, or there was no answer in time
  4  the password could not be read
"""

DESCRIPTION: Final = f"""\
Requests tests of SmtpConfigs from the smtp-operator of a cluster, and shows the results. Results go to
standard output, everything else to standard error.

examples:
  kubectl smtp test corporate-mail -n team-a
  kubectl smtp test -f mail.yaml
  kubectl smtp status -A --not-ready
  kubectl smtp explain AuthenticationFailed
  kubectl smtp ui -n team-a
  kubectl patch smtpconfig corporate-mail --type=merge -p "$(kubectl smtp suggest corporate-mail)"

{EXIT_CODES}
With several SmtpConfigs, the exit code is the first of 2, 1, 4, 3 that one of them has. You need the verbs
get, list and watch on smtpconfigs, and patch for the command test. For a test by a SmtpTest, see
kubectl smtp test --help.
"""

_TEST: Final = f"""\
Requests one test of each selected SmtpConfig, in any state, and waits for the verdicts. By default a test
sends an email: see test.mode of the spec. The request is the annotation smtp-operator.io/test-requested-at.
A test starts at the earliest 10 seconds after the start of the last one.

With -f, tests the SmtpConfig of a file before you apply it: the command creates a SmtpTest, shows it run, and
deletes it. A password in the file, in password.value or in the Secret that the SmtpConfig names, becomes a
Secret of the SmtpTest, which is deleted too. With --to or --mode, tests a SmtpConfig of
the cluster in the same way. Where you may not patch or read a SmtpConfig, NAME is tested by a SmtpTest too.

A SmtpTest needs the verbs create, get, watch and delete on smtptests. In addition, NAME needs the verb test
on smtpconfigs, and --to and --mode the verb update. A password in the file needs create, get, patch and
delete on secrets.

examples:
  kubectl smtp test -f mail.yaml
  kubectl kustomize overlays/prod | kubectl smtp test -f - corporate-mail
  kubectl smtp test corporate-mail --to me@example.com

{EXIT_CODES}"""

_STATUS: Final = f"""\
Shows the verdict on each SmtpConfig, its reason, and the time of the next test. With a NAME, it shows all
details. The exit code does not depend on the verdicts, unless you set --exit-code.

{EXIT_CODES}"""

_EXPLAIN: Final = """\
Shows what a reason means, how to fix it, and when the operator retries. Needs no cluster.

exit codes:
  0  shown
  2  the reason does not exist; similar ones are listed
"""

_VERSION: Final = """\
Shows the version of the plug-in, and the versions of the operators in the cluster. The latter come from the
label app.kubernetes.io/version of their Deployments: you need the verb list on deployments.

exit codes:
  0  shown
  2  the arguments or the kubeconfig cannot be used, or you are not allowed to list deployments
  3  the API server did not answer
"""

_UI: Final = """\
Serves the Manage SMTP page on this machine, prints its URL, and opens the browser. The page shows SmtpConfigs
and vault objects, tests settings before they are saved, and applies them with your own rights. Nothing in the
cluster serves it. The URL works once. The command ends with Ctrl-C, or after 30 minutes without a page.

exit codes:
  0  stopped
  2  the arguments or the kubeconfig cannot be used
  3  the API server did not answer
"""

_SUGGEST: Final = """\
Prints status.suggestion as a patch: settings that worked in a second attempt. It changes nothing. Apply the
patch with:

  kubectl patch smtpconfig NAME --type=merge -p "$(kubectl smtp suggest NAME)"

exit codes:
  0  printed
  1  there is no suggestion for the current settings
  2  the arguments or the kubeconfig cannot be used, or the SmtpConfig does not exist
  3  the API server did not answer
"""

CLUSTER_FLAGS: Final = (
    PluginFlag(
        name="--namespace",
        short="-n",
        metavar="NAMESPACE",
        help="namespace; default: namespace of the kubeconfig context",
        values=Values.NAMESPACES,
    ),
    PluginFlag(
        name="--context",
        metavar="CONTEXT",
        help="context of the kubeconfig; default: the current context",
        values=Values.CONTEXTS,
    ),
    PluginFlag(
        name="--kubeconfig",
        metavar="FILE",
        help="kubeconfig; default: KUBECONFIG, else ~/.kube/config",
        values=Values.FILES,
    ),
    PluginFlag(name="--cluster", metavar="NAME", help="cluster of the kubeconfig"),
    PluginFlag(name="--user", metavar="NAME", help="user of the kubeconfig"),
    PluginFlag(name="--token", metavar="TOKEN", help="bearer token for the API server"),
    PluginFlag(name="--as", metavar="USER", help="user to impersonate"),
    PluginFlag(
        name="--as-group",
        metavar="GROUP",
        help="group to impersonate; can be given several times",
        repeated=True,
    ),
    PluginFlag(name="--request-timeout", metavar="DURATION", help="how long to wait for a single request"),
    PluginFlag(name="--insecure-skip-tls-verify", help="do not verify the API server's certificate"),
)
_SELECTION_FLAGS: Final = (
    PluginFlag(
        name="--selector",
        short="-l",
        metavar="SELECTOR",
        help="only SmtpConfigs with these labels, such as team=a",
    ),
    PluginFlag(name="--all-namespaces", short="-A", help="SmtpConfigs of all namespaces"),
)
_COLOR_FLAGS: Final = (
    PluginFlag(
        name="--color",
        choices=tuple(map(str, ColorMode)),
        default=str(ColorMode.AUTO),
        help="use colors on a terminal without NO_COLOR (auto), always or never",
    ),
    PluginFlag(name="--no-color", help="same as --color never"),
)
_EXIT_CODE: Final = re.compile(r"^  (\d)  (.+)$", re.MULTILINE)
_DEBUG: Final = PluginFlag(name="--debug", help="show the location of an unexpected error")


def _output(*choices: str) -> PluginFlag:
    text = f"{choices[0]} (default) or {' or '.join(choices[1:])}"
    return PluginFlag(name="--output", short="-o", choices=choices, default=choices[0], help=text)


COMMANDS: Final = (
    PluginCommand(
        name="test",
        argument="NAME",
        count="*",
        values=Values.NAMES,
        help="request a test and wait for its verdict",
        description=_TEST,
        flags=(
            *_SELECTION_FLAGS,
            PluginFlag(name="--all", help="all SmtpConfigs of the namespace"),
            PluginFlag(
                name="--filename",
                short="-f",
                metavar="FILE",
                help="test the SmtpConfig of this file; - is standard input",
                values=Values.FILES,
            ),
            PluginFlag(
                name="--to",
                metavar="ADDRESS",
                help="recipient in place of all recipients; can be given several times",
                repeated=True,
            ),
            PluginFlag(
                name="--mode",
                choices=tuple(map(str, Mode)),
                help="depth of the test; default: test.mode of the spec",
            ),
            PluginFlag(
                name="--timeout",
                metavar="DURATION",
                default="5m",
                help="how long to wait for the verdicts; default: 5m",
            ),
            _output("text", "json"),
            *_COLOR_FLAGS,
            *CLUSTER_FLAGS,
            _DEBUG,
        ),
    ),
    PluginCommand(
        name="status",
        argument="NAME",
        count="*",
        values=Values.NAMES,
        help="show verdicts, reasons and next tests",
        description=_STATUS,
        flags=(
            *_SELECTION_FLAGS,
            PluginFlag(name="--not-ready", help="only SmtpConfigs whose Ready condition is not True"),
            PluginFlag(
                name="--reason",
                metavar="REASON",
                help="only SmtpConfigs with this reason; can be given several times",
                values=Values.REASONS,
                repeated=True,
            ),
            PluginFlag(
                name="--server",
                metavar="HOST",
                help="only SmtpConfigs with this spec.server; can be given several times",
                repeated=True,
            ),
            PluginFlag(
                name="--vaults",
                help="SmtpVaults instead of SmtpConfigs; with -A also ClusterSmtpVaults",
            ),
            PluginFlag(name="--exit-code", help="set the exit code by the verdicts"),
            _output("text", "wide", "json"),
            *_COLOR_FLAGS,
            *CLUSTER_FLAGS,
            _DEBUG,
        ),
    ),
    PluginCommand(
        name="version",
        argument="",
        count=None,
        values=Values.NOTHING,
        help="show the versions of the plug-in and the operator",
        description=_VERSION,
        flags=(
            PluginFlag(name="--client", help="only the version of the plug-in; needs no cluster"),
            _output("text", "json"),
            *CLUSTER_FLAGS,
            _DEBUG,
        ),
    ),
    PluginCommand(
        name="explain",
        argument="REASON",
        count=None,
        values=Values.REASONS,
        help="show what a reason means and how to fix it",
        description=_EXPLAIN,
        flags=(
            _output("text", "json"),
            PluginFlag(
                name="--docs-url",
                metavar="URL",
                help="address of the documentation site; default: SMTP_OPERATOR_DOCS_URL",
            ),
            *_COLOR_FLAGS,
            _DEBUG,
        ),
    ),
    PluginCommand(
        name="suggest",
        argument="NAME",
        count=None,
        values=Values.NAMES,
        help="print the suggested patch",
        description=_SUGGEST,
        flags=(_output("yaml", "json"), *CLUSTER_FLAGS, _DEBUG),
    ),
    PluginCommand(
        name="ui",
        argument="",
        count=None,
        values=Values.NOTHING,
        help="open the Manage SMTP page in the browser",
        description=_UI,
        flags=(
            PluginFlag(name="--all-namespaces", short="-A", help="objects of all namespaces"),
            PluginFlag(name="--read-only", help="show objects only: no tests, no changes"),
            PluginFlag(
                name="--port",
                metavar="PORT",
                default="0",
                help="port of the page on 127.0.0.1; default: 0, any free port",
            ),
            PluginFlag(name="--no-browser", help="print the URL only"),
            *CLUSTER_FLAGS,
            _DEBUG,
        ),
    ),
)


def exit_codes(command: PluginCommand) -> list[tuple[str, str]]:
    """Return the exit codes of a command and their meaning, from its help, and that of Ctrl-C."""
    codes = _EXIT_CODE.findall(command.description)
    return [*codes, ("130", "interrupted")]
