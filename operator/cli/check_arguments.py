# SPDX-License-Identifier: Apache-2.0
"""What ``smtp-operator check`` can be told."""

import argparse
from typing import Any, Final

_CHECK: Final = """\
Makes one test from this machine, without the operator, and says what the operator would say. Nothing is
written to a cluster. Where the mail settings come from:

  -f FILE            a manifest with a SmtpConfig; Secrets and ConfigMaps in the same file are used
  NAME -n NAMESPACE  a SmtpConfig of a cluster, with what it refers to, as far as you may read it
  --server ...       flags

The password, where the manifest only refers to it, is taken from --password-file or from the environment
variable SMTP_OPERATOR_PASSWORD, a user name from SMTP_OPERATOR_USERNAME. Neither is ever an argument.

examples:
  smtp-operator check -f smtpconfig.yaml --mode Login
  SMTP_OPERATOR_PASSWORD=... smtp-operator check -f smtpconfig.yaml --output json
  smtp-operator check corporate-mail -n team-a
  smtp-operator check --server smtp.example.com --port 587 --from ops@example.com --mode Connect

exit codes:
  0  the test passed
  1  it failed, and the settings have to change
  2  the arguments or the manifest cannot be used
  3  it failed in a way that may pass by itself
  4  the password could not be had
"""


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
    parser.add_argument("-n", "--namespace", default="default", help="namespace of NAME; default: default")
    parser.add_argument("--kubeconfig", default="", metavar="FILE", help="kubeconfig of the cluster of NAME")
    parser.add_argument("--context", default="", metavar="NAME", help="context of the kubeconfig")
    parser.add_argument("--server", metavar="HOST", help="SMTP server, instead of a manifest")
    parser.add_argument("--port", type=int, metavar="PORT", help="its port")
    parser.add_argument("--smtp-type", metavar="None|StartTLS|TLS", help="default: StartTLS")
    parser.add_argument("--username", metavar="USER", help="user name of the login")
    parser.add_argument("--from", dest="from_", metavar="ADDRESS", help="sender")
    parser.add_argument("--to", action="append", metavar="ADDRESS", help="recipient; default: the sender")
    parser.add_argument("--password-file", metavar="FILE", help="file that holds the password")
    parser.add_argument("--ca-file", metavar="FILE", help="PEM bundle that alone is trusted")
    parser.add_argument("--helo-name", metavar="HOST", help="name given with EHLO where the spec has none")
    parser.add_argument(
        "--mode",
        choices=("SendEmail", "Envelope", "Login", "Connect"),
        help="how deep to test; default: test.mode of the spec",
    )
    parser.add_argument("--output", choices=("text", "json"), default="text", help="default: text")
    parser.add_argument("--debug", action="store_true", help="show a traceback of an unforeseen failure")
