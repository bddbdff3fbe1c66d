# SPDX-License-Identifier: Apache-2.0
"""What ``smtp-operator check`` can be told."""

import argparse
from collections.abc import Sequence
from typing import Any, Final, NoReturn

from smtp_operator.api.verdict import Mode, SmtpType
from smtp_operator.settings import FLAGS, CommandLineFlag

CHECK_EXIT_CODES: Final = """\
exit codes:
  0  the test passed
  1  it failed, and the settings have to change
  2  the arguments or the manifest cannot be used; nothing was tested
  3  it failed in a way that may pass by itself, or the API server did not answer
  4  the password could not be had
"""

_CHECK: Final = f"""\
Makes one test from this machine, without the operator, and says what the operator would say. Nothing is
written to a cluster. Where the mail settings come from:

  -f FILE            a manifest with a SmtpConfig; Secrets and ConfigMaps in the same file are used
  NAME -n NAMESPACE  a SmtpConfig of a cluster, with what it refers to, as far as you may read it
  --server ...       flags

Where the password is: in the file of --password-file; else where the SmtpConfig says; else, where that is
not at hand, in the environment variable SMTP_OPERATOR_PASSWORD. A user name that is not at hand is in
SMTP_OPERATOR_USERNAME. A password is never an argument, which others on this machine could read.

The verdict goes to standard output, the phases of the test to standard error as they come.

examples:
  smtp-operator check -f smtpconfig.yaml --mode Login
  SMTP_OPERATOR_PASSWORD=... smtp-operator check -f smtpconfig.yaml --output json
  kubectl kustomize overlays/prod | smtp-operator check -f - --password-file password.txt
  smtp-operator check corporate-mail -n team-a
  smtp-operator check --server smtp.example.com --port 587 --from ops@example.com --mode Connect

{CHECK_EXIT_CODES}"""


def add_check_arguments(commands: "argparse._SubParsersAction[Any]") -> None:
    """Adds the command and its flags."""
    parser = commands.add_parser(
        "check",
        help="test mail settings once, from here",
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
        help="namespace of NAME, or of objects of the file that name none; default: that of the kubeconfig"
        " context, for a file: default",
    )
    parser.add_argument("--password-file", metavar="FILE", help="file that holds the password")
    parser.add_argument(
        "--ca-file",
        metavar="FILE",
        help="PEM bundle, instead of what tls.caRef names; without tls.caRef it is trusted in addition to the"
        " system's CAs",
    )
    parser.add_argument(
        "--mode", choices=tuple(map(str, Mode)), help="how deep to test; default: test.mode of the spec"
    )
    parser.add_argument("--timeout", metavar="DURATION", help="longest test; default: test.timeout")
    parser.add_argument("--helo-name", metavar="HOST", help="name given with EHLO where the spec has none")
    parser.add_argument("--output", choices=("text", "json"), default="text", help="default: text")
    parser.add_argument("--debug", action="store_true", help="show where an unforeseen failure happened")
    parser.add_argument("--password", nargs="?", action=_Refused, help=argparse.SUPPRESS)
    for it in FLAGS:
        if it.name in PROXIES:
            _add(parser, it)
    cluster = parser.add_argument_group("with NAME")
    for flag, metavar, text in _OF_CLUSTER:
        cluster.add_argument(flag, metavar=metavar, help=text)
    for it in FLAGS:
        if it.name in AS_THE_OPERATOR:
            _add(cluster, it)
    flags = parser.add_argument_group("instead of a manifest")
    flags.add_argument("--server", metavar="HOST", help="SMTP server")
    flags.add_argument("--port", type=int, metavar="PORT", help="its port")
    flags.add_argument("--smtp-type", choices=tuple(map(str, SmtpType)), help="default: StartTLS")
    flags.add_argument("--username", metavar="USER", help="user name of the login")
    flags.add_argument("--from", dest="from_", metavar="ADDRESS", help="sender")
    flags.add_argument("--to", action="append", metavar="ADDRESS", help="recipient; default: the sender")
    flags.add_argument("--cc", action="append", metavar="ADDRESS", help="further recipient")
    flags.add_argument("--bcc", action="append", metavar="ADDRESS", help="recipient whom nobody sees")
    flags.add_argument(
        "--insecure-skip-verify", action="store_true", default=None, help="do not check the certificate"
    )
    flags.add_argument(
        "--allow-insecure-auth",
        action="store_true",
        default=None,
        help="send the password without verified TLS",
    )


def _add(parser: argparse._ActionsContainer, flag: CommandLineFlag) -> None:
    """A flag of the operator's."""
    text = f"as the operator has it: {flag.setting.help[0].lower()}{flag.setting.help[1:-1]}"
    if flag.is_list:
        parser.add_argument(flag.option, metavar=flag.setting.placeholder, action="append", help=text)
    elif flag.setting.placeholder:
        parser.add_argument(flag.option, metavar=flag.setting.placeholder, help=text)
    else:
        parser.add_argument(flag.option, action="store_true", default=None, help=text)


_OF_CLUSTER: Final = (
    ("--kubeconfig", "FILE", "kubeconfig; default: KUBECONFIG, else ~/.kube/config"),
    ("--context", "CONTEXT", "context of the kubeconfig; default: its current one"),
)
PROXIES: Final = ("https_proxy", "no_proxy")
"""Settings of the operator that say how vaults and token endpoints are reached."""
AS_THE_OPERATOR: Final = ("allow_authority_host", "allow_key_vault_host", "require_allowed_servers")
"""Settings of the operator that say what it does with what a SmtpConfig of the cluster names."""
_OF_FLAGS: Final = {
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
    """What is wrong with the flags as they are put together, in one sentence; None: nothing."""
    flags = [flag for name, flag in _OF_FLAGS.items() if getattr(options, name) is not None]
    if options.file is not None or options.name is not None:
        if flags:
            instead = "-f" if options.file is not None else "NAME"
            return f"{flags[0]} does not go with {instead}, whose SmtpConfig says it itself"
    elif missing := [flag for flag in ("--server", "--port", "--from") if flag not in flags]:
        if not flags:
            return "give -f FILE, or NAME, or --server with --port and --from; see --help"
        return f"--server, --port and --from go together: {' and '.join(missing)} missing"
    elif options.namespace is not None:
        return "--namespace does not go with --server"
    if options.file is not None or options.name is None:
        given = [flag for flag, _, _ in _OF_CLUSTER if getattr(options, flag.removeprefix("--")) is not None]
        given += [it.option for it in FLAGS if it.name in AS_THE_OPERATOR and getattr(options, it.name)]
        if given:
            return f"{given[0]} goes with the NAME of a SmtpConfig of a cluster alone"
    if options.file == "-" == options.password_file:
        return "standard input cannot be both the manifest and the password"
    return None


class _Refused(argparse.Action):
    """Tells of the right way, and repeats nothing."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> NoReturn:
        parser.error(
            "a password as an argument could be read by others on this machine: use --password-file FILE or"
            " the environment variable SMTP_OPERATOR_PASSWORD"
        )
