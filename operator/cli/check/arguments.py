# SPDX-License-Identifier: Apache-2.0
"""The arguments of ``smtp-operator check``."""

import argparse
from collections.abc import Sequence
from typing import Any, Final, NoReturn

from smtp_operator.api.verdict import Mode, SmtpType
from smtp_operator.settings import FLAGS, CommandLineFlag

CHECK_EXIT_CODES: Final = """\
exit codes:
  0  the test passed
  1  the test failed, and the settings must change
  2  the arguments or the manifest cannot be used; nothing was tested
  3  the test failed temporarily, or the API server did not answer
  4  the password could not be read
"""

_CHECK: Final = f"""\
Runs one test from this machine, without the operator, and shows the verdict that the operator would give.
Nothing is written to a cluster. Sources of the mail settings:

  -f FILE            a manifest with a SmtpConfig; Secrets and ConfigMaps in the same file are used
  NAME -n NAMESPACE  a SmtpConfig of a cluster, with the objects it refers to that you are allowed to read
  --server ...       flags

The password is read from --password-file, or else from where the SmtpConfig says. If that is not available,
it is read from the environment variable SMTP_OPERATOR_PASSWORD. A username that is not available is read from
SMTP_OPERATOR_USERNAME. A password is never an argument: others on this machine could read it.

The verdict goes to standard output, the phases of the test go to standard error while it runs.

examples:
  smtp-operator check -f smtpconfig.yaml --mode Login
  SMTP_OPERATOR_PASSWORD=... smtp-operator check -f smtpconfig.yaml --output json
  kubectl kustomize overlays/prod | smtp-operator check -f - --password-file password.txt
  smtp-operator check corporate-mail -n team-a
  smtp-operator check --server smtp.example.com --port 587 --from ops@example.com --mode Connect

{CHECK_EXIT_CODES}"""


def add_check_arguments(commands: "argparse._SubParsersAction[Any]") -> None:
    """Add the command and its flags."""
    parser = commands.add_parser(
        "check",
        help="test mail settings once, from this machine",
        description=_CHECK,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="name of the SmtpConfig")
    parser.add_argument("-f", "--file", metavar="FILE", help="manifest; - is standard input")
    parser.add_argument(
        "-n",
        "--namespace",
        metavar="NAMESPACE",
        help="namespace of NAME, or of objects in the file without one; default: the namespace of the"
        " kubeconfig context; for a file: default",
    )
    parser.add_argument("--password-file", metavar="FILE", help="file that contains the password")
    parser.add_argument(
        "--ca-file",
        metavar="FILE",
        help="PEM bundle to use instead of tls.caRef; without tls.caRef, it is trusted in addition to the"
        " system's CAs",
    )
    parser.add_argument(
        "--mode", choices=tuple(map(str, Mode)), help="depth of the test; default: test.mode of the spec"
    )
    parser.add_argument(
        "--delivery",
        action="store_true",
        help="also wait until the email arrives in the mailbox of spec.delivery; requires mode SendEmail",
    )
    parser.add_argument(
        "--timeout", metavar="DURATION", help="maximum time of the test; instead of test.timeout of the spec"
    )
    parser.add_argument("--helo-name", metavar="HOST", help="hostname to send in EHLO if the spec has none")
    parser.add_argument("--output", choices=("text", "json"), default="text", help="default: text")
    parser.add_argument("--debug", action="store_true", help="show the location of an unexpected error")
    parser.add_argument("--password", nargs="?", action=_RejectPassword, help=argparse.SUPPRESS)
    for it in FLAGS:
        if it.name in (*PROXIES, *DEFAULTS, *READS):
            _add(parser, it)
    cluster = parser.add_argument_group("with NAME")
    for flag, metavar, text in _CLUSTER_FLAGS:
        cluster.add_argument(flag, metavar=metavar, help=text)
    for it in FLAGS:
        if it.name in OPERATOR_SETTINGS:
            _add(cluster, it)
    flags = parser.add_argument_group("instead of a manifest")
    flags.add_argument("--server", metavar="HOST", help="SMTP server")
    flags.add_argument("--port", type=int, metavar="PORT", help="its port")
    flags.add_argument("--smtp-type", choices=tuple(map(str, SmtpType)), help="default: StartTLS")
    flags.add_argument("--username", metavar="USER", help="username of the login")
    flags.add_argument("--from", dest="from_", metavar="ADDRESS", help="sender")
    flags.add_argument("--to", action="append", metavar="ADDRESS", help="recipient; default: the sender")
    flags.add_argument("--cc", action="append", metavar="ADDRESS", help="additional recipient")
    flags.add_argument("--bcc", action="append", metavar="ADDRESS", help="hidden recipient")
    flags.add_argument(
        "--insecure-skip-verify",
        action="store_true",
        default=None,
        help="do not verify the server's certificate",
    )
    flags.add_argument(
        "--allow-insecure-auth",
        action="store_true",
        default=None,
        help="allow sending the password without verified TLS",
    )


def _add(parser: argparse._ActionsContainer, flag: CommandLineFlag) -> None:
    """Add a flag of the operator."""
    text = f"as for the operator: {flag.setting.help[0].lower()}{flag.setting.help[1:-1]}"
    if flag.is_list:
        parser.add_argument(flag.option, metavar=flag.setting.placeholder, action="append", help=text)
    elif flag.default == "true":
        parser.add_argument(flag.option, nargs="?", const="true", metavar="true|false", help=text)
    elif flag.setting.placeholder:
        parser.add_argument(flag.option, metavar=flag.setting.placeholder, help=text)
    else:
        parser.add_argument(flag.option, action="store_true", default=None, help=text)


_CLUSTER_FLAGS: Final = (
    ("--kubeconfig", "FILE", "kubeconfig; default: KUBECONFIG, else ~/.kube/config"),
    ("--context", "CONTEXT", "context of the kubeconfig; default: the current context"),
)
PROXIES: Final = ("https_proxy", "no_proxy")
"""Settings of the operator for connections to vaults and token endpoints."""
READS: Final = ("sender_authentication",)
"""Settings of the operator for what it reads in addition to the test; their variables apply, too."""
DEFAULTS: Final = ("default_test_timeout",)
"""Settings of the operator for fields that a SmtpConfig leaves out."""
OPERATOR_SETTINGS: Final = ("allow_authority_host", "allow_key_vault_host", "require_allowed_servers")
"""Settings of the operator that restrict the objects and hosts a SmtpConfig of the cluster can use."""
_SPEC_FLAGS: Final = {
    "server": "--server",
    "port": "--port",
    "smtp_type": "--smtp-type",
    "username": "--username",
    "from_": "--from",
    "to": "--to",
    "cc": "--cc",
    "bcc": "--bcc",
    "insecure_skip_verify": "--insecure-skip-verify",
    "allow_insecure_auth": "--allow-insecure-auth",
}


def misuse(options: argparse.Namespace) -> str | None:
    """Return why the flags cannot be combined, in one sentence; None if they can."""
    flags = [flag for name, flag in _SPEC_FLAGS.items() if getattr(options, name) is not None]
    if options.file is not None or options.name is not None:
        if flags:
            source = "-f" if options.file is not None else "NAME"
            return f"{flags[0]} cannot be combined with {source}; the SmtpConfig contains this setting"
    elif missing := [flag for flag in ("--server", "--port", "--from") if flag not in flags]:
        if not flags:
            return "specify -f FILE, or NAME, or --server with --port and --from; see --help"
        return f"--server, --port and --from must be set together; missing: {' and '.join(missing)}"
    elif options.namespace is not None:
        return "--namespace cannot be combined with --server"
    if options.file is not None or options.name is None:
        cluster_flags = [
            flag for flag, _, _ in _CLUSTER_FLAGS if getattr(options, flag.removeprefix("--")) is not None
        ]
        cluster_flags += [
            it.option for it in FLAGS if it.name in OPERATOR_SETTINGS and getattr(options, it.name)
        ]
        if cluster_flags:
            return f"{cluster_flags[0]} requires the NAME of a SmtpConfig in a cluster"
    if options.file == "-" == options.password_file:
        return "standard input cannot be both the manifest and the password"
    return None


class _RejectPassword(argparse.Action):
    """Rejects ``--password`` without repeating its value, and names the alternatives."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> NoReturn:
        parser.error(
            "others on this machine could read a password in the arguments: use --password-file FILE or the"
            " environment variable SMTP_OPERATOR_PASSWORD"
        )
