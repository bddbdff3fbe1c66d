# SPDX-License-Identifier: Apache-2.0
"""The parts of the demo, in order."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from email import message_from_bytes, policy
from pathlib import Path

from smtp_testkit.mailpeers import MailServer, ReceivedMail
from smtp_testkit.mailpeers.background import in_thread
from smtp_testkit.testbed import ObservedObject, OperatorProcess
from smtp_tools.demo.mailbox import DeliveringServer, Mailbox, Programs
from smtp_tools.demo.places import DemoError, Place
from smtp_tools.demo.samples import (
    ARRIVES,
    CORRECTED,
    FROM_VAULT,
    REFUSED,
    RIGHT_LINE,
    SAMPLES,
    USERNAME,
    WRONG_LINE,
    Sample,
    correct,
    new_password,
    write_sample_of_delivery,
    write_samples,
)
from smtp_tools.demo.terminal import Terminal
from smtp_tools.demo.vault import vault
from smtp_tools.localcluster import ClusterError

VERDICT_SECONDS = 60.0
WATCH_SECONDS = 0.5


def play(place: Place, terminal: Terminal) -> bool:
    """Run the whole demo; return whether every verdict is as expected."""
    with ExitStack() as stack:
        mailbox = mailbox_of(stack, terminal)
        server = stack.enter_context(_mail_server(mailbox))
        ports = f"plain {server.plain_port}, StartTLS {server.starttls_port}, TLS {server.tls_port}"
        terminal.note(f"  ✓ a mail server on 127.0.0.1: {ports}")
        with terminal.step("an OpenBao server that accepts this cluster's ServiceAccounts"):
            bao = stack.enter_context(vault(place.kubectl, server.users[USERNAME]))
        samples = place.folder / "samples"
        write_samples(samples, server, bao, place.operator_user)
        operator = OperatorProcess(
            place.operator_kubeconfig, place.folder / "operator.log", place.operator_flags
        )
        with operator:
            with terminal.step(f"the operator, as {place.operator_user}"):
                operator.start()
            stage = _Stage(place, terminal, server, operator)
            good = stage.samples() & stage.correction()
            if mailbox is not None:
                good &= stage.delivery(mailbox)
            if good:
                terminal.outcome("All verdicts are as expected.", good=True)
            if sys.stdin.isatty() and sys.stdout.isatty():
                with suppress(KeyboardInterrupt):
                    stage.stay()
            return good


def page_command(place: Place) -> str:
    """Return the command that opens the Manage SMTP page on the place of the demo."""
    program = Path(sys.executable).with_name("kubectl-smtp")
    return " ".join([str(program), "ui", *place.typed.split()[1:]])


@contextmanager
def _mail_server(mailbox: Mailbox | None) -> Iterator[MailServer]:
    refused = {REFUSED: f"550 5.1.1 <{REFUSED}>: no such user here"}
    users = {USERNAME: new_password()}
    with in_thread(DeliveringServer(mailbox, users=users, refused_recipients=refused)) as server:
        yield server


def mailbox_of(stack: ExitStack, terminal: Terminal) -> Mailbox | None:
    """Start a mailbox if Dovecot is installed, and works here."""
    programs = Programs.found()
    if programs is None:
        return None
    try:
        with terminal.step("a mailbox in Dovecot"):
            return stack.enter_context(Mailbox.start(programs))
    except ClusterError as error:
        terminal.note(f"  The demo shows no delivered email: {error}")
        return None


class _Stage:
    def __init__(
        self, place: Place, terminal: Terminal, server: MailServer, operator: OperatorProcess
    ) -> None:
        self._terminal = terminal
        self._kubectl = place.kubectl
        self._samples = place.folder / "samples"
        self._place = place
        self._server = server
        self._operator = operator

    def samples(self) -> bool:
        """Apply all samples and show their verdicts."""
        terminal = self._terminal
        terminal.title("Eight SmtpConfigs, two of them correct")
        terminal.command("kubectl apply -f samples/ & kubectl get smtpconfig --watch")
        seen = self._watch(SAMPLES, first=lambda: self._kubectl("apply", "-f", str(self._samples)))
        terminal.title("The status of each SmtpConfig")
        for sample in SAMPLES:
            found = seen[sample.name]
            good = found.ready.status == "True"
            terminal.verdict(sample.name, good=good, reason=found.reason, message=found.message)
        terminal.title("The vault that holds one of the passwords")
        self._kubectl("wait", "--for=condition=Ready", "smtpvault/openbao", f"--timeout={VERDICT_SECONDS:g}s")
        for words in (
            ["get", "smtpvault"],
            ["get", "smtpconfig", FROM_VAULT, "-o=jsonpath={.status.password}"],
        ):
            terminal.command(f"kubectl {' '.join(words)}")
            terminal.say(self._kubectl(*words).rstrip())
        terminal.title("The emails that arrived")
        for mail in list(self._server.mails):
            self._show(mail)
        return _as_expected(SAMPLES, seen, terminal)

    def correction(self) -> bool:
        """Correct one sample and show its new verdict."""
        terminal = self._terminal
        terminal.title("One SmtpConfig is corrected")
        terminal.say(f"samples/{CORRECTED.file}")
        terminal.changed_line(WRONG_LINE, RIGHT_LINE)
        correct(self._samples)
        terminal.command(f"kubectl apply -f samples/{CORRECTED.file}")
        self._kubectl("apply", "-f", str(self._samples / CORRECTED.file))
        terminal.command(f"kubectl get smtpconfig {CORRECTED.name} --watch")
        seen = self._watch([CORRECTED])
        found = seen[CORRECTED.name]
        good = found.ready.status == "True"
        terminal.say()
        terminal.verdict(CORRECTED.name, good=good, reason=found.reason, message=found.message)
        return _as_expected([CORRECTED], seen, terminal)

    def delivery(self, mailbox: Mailbox) -> bool:
        """Apply a sample with a mailbox, and show that the email arrived there."""
        terminal, name = self._terminal, ARRIVES.name
        terminal.title("One email is found in the mailbox of its recipient")
        write_sample_of_delivery(self._samples, self._server, mailbox)
        terminal.command(f"kubectl apply -f samples/{ARRIVES.file}")
        self._kubectl("apply", "-f", str(self._samples / ARRIVES.file))
        waiting = ("wait", "--for=condition=Delivered", f"smtpconfig/{name}")
        terminal.command(f"kubectl {' '.join(waiting)}")
        good = self._kubectl.succeeds(*waiting, f"--timeout={VERDICT_SECONDS:g}s")
        status = self._kubectl.json("get", "smtpconfig", name).get("status", {})
        conditions = {it["type"]: it for it in status.get("conditions", ())}
        found = conditions.get("Delivered", {})
        reason, message = found.get("reason", "NoCondition"), found.get("message", "")
        terminal.verdict(name, good=good, reason=reason, message=message)
        if not good:
            terminal.outcome(f"Not as expected: Delivered of {name} should be True", good=False)
        return good

    def stay(self) -> None:
        """Keep everything running until Ctrl-C, and report every email."""
        terminal = self._terminal
        terminal.title("Your turn")
        terminal.say("Everything keeps running until you press Ctrl-C. In another terminal:\n")
        secret = "create secret generic smtp-password-to-come --from-literal=password="
        if self._place.visit:
            terminal.command(self._place.visit)
        for words in (
            "get smtpconfig -o wide",
            "get smtpvault",
            "describe smtpconfig wrong-password",
            f"{secret}{self._server.users[USERNAME]}",
        ):
            terminal.command(f"{self._place.typed} {words}")
        terminal.say(f"\nThe samples are in {self._samples}. Correct another one and apply it.")
        terminal.say("To see everything in your browser, open the Manage SMTP page:\n")
        terminal.command(page_command(self._place))
        reported = len(self._server.mails)
        while self._operator.runs:
            with self._server.arrived:
                self._server.arrived.wait(WATCH_SECONDS)
            for mail in self._server.mails[reported:]:
                terminal.say(f"An email arrived: {_subject(mail)}")
                reported += 1
        raise DemoError(f"the operator stopped; the end of its log: {self._operator.output()[-2000:]}")

    def _watch(
        self, samples: Sequence[Sample], *, first: Callable[[], object] = lambda: None
    ) -> dict[str, ObservedObject]:
        """Call `first`, show a table until each sample has a verdict, and return the objects by name."""
        self._terminal.begin_table()
        wanted = {sample.name for sample in samples}
        words = [CORRECTED.name] if wanted == {CORRECTED.name} else []
        seen: dict[str, ObservedObject] = {}
        watch = self._kubectl.watch("smtpconfigs", *words, seconds=VERDICT_SECONDS)
        with ThreadPoolExecutor(1) as pool, watch as changes:
            applying = pool.submit(first)
            for change in changes:
                found = ObservedObject(change)
                seen[found.name] = found
                self._terminal.table(self._kubectl("get", "smtpconfigs", *words).rstrip())
                if all(name in seen and seen[name].judged for name in wanted):
                    applying.result()
                    return seen
            applying.result()
        late = sorted(name for name in wanted if name not in seen or not seen[name].judged)
        raise DemoError(
            f"no verdict on {', '.join(late)} after {VERDICT_SECONDS:g} s; the end of the operator's log: "
            f"{self._operator.output()[-2000:]}"
        )

    def _show(self, mail: ReceivedMail) -> None:
        message = message_from_bytes(mail.content, policy=policy.default)
        envelope = f"{mail.sender} → {', '.join(mail.recipients)}"
        how = " after a login over TLS" if mail.tls and mail.username else ""
        self._terminal.dim(f"  {envelope}{how}")
        for header in ("From", "To", "Cc", "Subject", "Message-ID"):
            if header in message:
                self._terminal.say(f"  {header}: {message[header]}")
        body = message.get_content().strip() if not message.is_multipart() else ""
        self._terminal.say("\n" + "\n".join(f"  {line}" for line in body.splitlines()))


def _subject(mail: ReceivedMail) -> str:
    return str(message_from_bytes(mail.content, policy=policy.default)["Subject"])


def _as_expected(samples: Sequence[Sample], seen: Mapping[str, ObservedObject], terminal: Terminal) -> bool:
    others = [
        f"{sample.name} should have the reason {sample.reason}, but has {seen[sample.name].reason}"
        for sample in samples
        if (seen[sample.name].ready.status, seen[sample.name].reason) != (sample.ready, sample.reason)
    ]
    for other in others:
        terminal.outcome(f"Not as expected: {other}", good=False)
    return not others
