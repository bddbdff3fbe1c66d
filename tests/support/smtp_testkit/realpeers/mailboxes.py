# SPDX-License-Identifier: Apache-2.0
"""Postfix and Dovecot with mailboxes: Postfix delivers over LMTP, and Dovecot serves IMAP.

Emails to ``smtp_port`` go straight into the mailboxes. Those to ``relay_port`` go through a relay that signs
them, and then through a receiver that verifies SPF, DKIM and DMARC.
"""

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from smtp_testkit.realpeers.authentication import RECEIVER, RELAY_ADDRESS, milters
from smtp_testkit.realpeers.peers import run_dovecot, run_postfix, wait_for_line, write_certificates
from smtp_testkit.realpeers.services import forwarder
from smtp_testkit.realpeers.tools import DAEMONS, NeedsTools, missing_mailbox_tools, program
from smtp_tools.localcluster.ports import free_ports

PROBE: Final = "probe@test.example"
BOUNCED: Final = "bounced@test.example"
"""Emails from this address come back; notices to it arrive."""
DROPPED: Final = "dropped@test.example"
FULL: Final = "full@test.example"
"""A mailbox without space for one email."""
HELD: Final = "held@test.example"
"""Emails from this address wait in the queue until ``RealMailboxes.release``."""
MAILBOX_PASSWORD: Final = "mailbox battery staple"

_MAIN: Final = """\
compatibility_level = 3.6
queue_directory = {directory}/queue
data_directory = {directory}/data
daemon_directory = {daemons}
meta_directory = /etc/postfix
maillog_file = {directory}/postfix.log
maillog_file_prefixes = {directory}
inet_interfaces = loopback-only
inet_protocols = ipv4
myhostname = mail.test.example
mynetworks = 127.0.0.0/8
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
recipient_delimiter = +
default_transport = lmtp:unix:private/dovecot-lmtp
sender_dependent_default_transport_maps = inline:{{ {{ {bounced}=refuse: }} }}
transport_maps = inline:{{ {dropped}=discard }}
smtpd_sender_restrictions = check_sender_access inline:{{ {{ {held}=HOLD }} }}
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_peername_lookup = no
"""

_MASTER: Final = """\
127.0.0.1:{smtp} inet n - n - - smtpd
postlog    unix-dgram n - n - 1 postlogd
cleanup    unix n - n - 0 cleanup
qmgr       unix n - n 300 1 qmgr
pickup     unix n - n 60 1 pickup
rewrite    unix - - n - - trivial-rewrite
bounce     unix - - n - 0 bounce
defer      unix - - n - 0 bounce
trace      unix - - n - 0 bounce
error      unix - - n - - error
retry      unix - - n - - error
discard    unix - - n - - discard
lmtp       unix - - n - - lmtp
anvil      unix - - n - 1 anvil
refuse     unix - n n - - pipe
  user=nobody argv=/bin/false
127.0.0.1:{quota} inet n - n - - smtpd
  -o {{ smtpd_recipient_restrictions = check_policy_service inet:127.0.0.1:{quota_status} }}
127.0.0.1:{relay} inet n - n - - smtpd
  -o myhostname=relay.test.example
  -o smtpd_milters=inet:127.0.0.1:{signer}
  -o content_filter=onward:[127.0.0.1]:{forwarder}
127.0.0.1:{altering} inet n - n - - smtpd
  -o myhostname=relay.test.example
  -o smtpd_milters=inet:127.0.0.1:{signer}
  -o content_filter=altered:[127.0.0.1]:{forwarder}
127.0.0.1:{receiver_port} inet n - n - - smtpd
  -o myhostname={receiver}
  -o mynetworks=192.0.2.0/24
  -o smtpd_upstream_proxy_protocol=haproxy
  -o smtpd_milters=inet:127.0.0.1:{verifier},inet:127.0.0.1:{judge}
onward     unix - - n - - smtp
altered    unix - - n - - smtp
  -o smtp_header_checks=regexp:{directory}/postfix/alterations
"""

_ALTERATIONS: Final = """\
/^Subject: (.*)/ REPLACE Subject: [list] $1
/^Received:/ PREPEND Authentication-Results: {receiver}; dkim=pass header.d=signed.example;
  spf=pass smtp.mailfrom=signed.example; dmarc=pass header.from=signed.example
"""
"""Changes after the signature: the subject, and forged results of the receiver."""

_DOVECOT: Final = """\
base_dir = {directory}/run
state_dir = {directory}/state
protocols = imap lmtp
log_path = {directory}/dovecot.log
ssl = required
ssl_cert = <{directory}/cert.pem
ssl_key = <{directory}/key.pem
auth_mechanisms = plain login
auth_failure_delay = 0
first_valid_uid = 1
mail_location = maildir:{directory}/mail/%u
lda_mailbox_autocreate = yes
lmtp_save_to_detail_mailbox = yes
recipient_delimiter = +
passdb {{
  driver = passwd-file
  args = username_format=%u {directory}/dovecot/users
}}
userdb {{
  driver = passwd-file
  args = username_format=%u {directory}/dovecot/users
  default_fields = uid=nobody gid=nogroup home={directory}/mail/%u
}}
mail_plugins = quota
plugin {{
  quota = maildir:User quota
  quota_status_success = DUNNO
  quota_status_nouser = DUNNO
  quota_status_overquota = "552 5.2.2 Mailbox is full"
}}
service quota-status {{
  executable = quota-status -p postfix
  client_limit = 1
  inet_listener {{
    address = 127.0.0.1
    port = {quota_status}
  }}
}}
namespace inbox {{
  inbox = yes
  mailbox Junk {{
    special_use = \\Junk
    auto = create
  }}
}}
service lmtp {{
  unix_listener {directory}/queue/private/dovecot-lmtp {{
    mode = 0666
  }}
}}
service imap-login {{
  inet_listener imap {{
    address = 127.0.0.1
    port = {imap}
  }}
  inet_listener imaps {{
    address = 127.0.0.1
    port = {imaps}
    ssl = yes
  }}
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
"""


@dataclass(frozen=True)
class RealMailboxes:
    """Running servers."""

    smtp_port: int
    quota_port: int
    """As ``smtp_port``, but the server refuses recipients whose mailbox is full."""
    relay_port: int
    altering_port: int
    """As ``relay_port``, but the relay changes emails after it has signed them."""
    imaps_port: int
    imap_port: int
    ca_pem: str
    directory: Path

    @classmethod
    @contextlib.contextmanager
    def start(cls) -> Iterator["RealMailboxes"]:
        """Start the servers within seconds. Raises NeedsTools if they cannot run."""
        missing = missing_mailbox_tools()
        if missing:
            raise NeedsTools(missing)
        directory = Path(tempfile.mkdtemp(prefix="mailboxes-", dir="/tmp"))  # below 108 signs for sockets
        directory.chmod(0o755)
        try:
            with _running(directory) as running:
                yield running
        finally:
            shutil.rmtree(directory)

    def release(self) -> None:
        """Deliver the email of ``HELD`` that waits in the queue, and wait until it has arrived."""
        configuration, log = ("-c", str(self.directory / "postfix")), self.directory / "postfix.log"
        before = len(log.read_text(errors="replace"))
        subprocess.run((program("postsuper"), *configuration, "-H", "ALL"), capture_output=True, check=True)
        subprocess.run((program("postqueue"), *configuration, "-f"), capture_output=True, check=True)
        active = wait_for_line(log, rf"\]: \w+: from=<{HELD}>", after=before)
        queue_id = active.partition("]: ")[2].partition(":")[0]
        wait_for_line(log, f"{queue_id}: to=<{PROBE}>.*status=sent", after=before)


@contextlib.contextmanager
def _running(directory: Path) -> Iterator[RealMailboxes]:
    """Write the configurations into a folder and run the servers within the context."""
    for name in ("queue", "data", "run", "state", "mail", "postfix", "dovecot", "milters"):
        (directory / name).mkdir()
    shutil.chown(directory / "data", "postfix")
    shutil.chown(directory / "mail", "nobody")
    names = ("smtp", "quota", "relay", "altering", "receiver_port", "quota_status", "imaps", "imap")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    with (
        milters(directory / "milters") as filters,
        forwarder(ports["receiver_port"], RELAY_ADDRESS) as forwards,
    ):
        values = {
            "directory": directory,
            "daemons": DAEMONS,
            "bounced": BOUNCED,
            "dropped": DROPPED,
            "held": HELD,
            "receiver": RECEIVER,
            "forwarder": forwards,
            **vars(filters),
            **ports,
        }
        (directory / "postfix" / "main.cf").write_text(_MAIN.format(**values))
        (directory / "postfix" / "master.cf").write_text(_MASTER.format(**values))
        (directory / "postfix" / "alterations").write_text(_ALTERATIONS.format(**values))
        users = "".join(f"{name}:{{PLAIN}}{MAILBOX_PASSWORD}::::::\n" for name in (PROBE, BOUNCED, HELD))
        users += f"{FULL}:{{PLAIN}}{MAILBOX_PASSWORD}::::::userdb_quota_rule=*:bytes=1\n"
        (directory / "dovecot" / "users").write_text(users)
        conf = directory / "dovecot" / "dovecot.conf"
        conf.write_text(_DOVECOT.format(**values))
        ca_pem = write_certificates(directory)
        with run_postfix(directory), run_dovecot(conf):
            yield RealMailboxes(
                smtp_port=ports["smtp"],
                quota_port=ports["quota"],
                relay_port=ports["relay"],
                altering_port=ports["altering"],
                imaps_port=ports["imaps"],
                imap_port=ports["imap"],
                ca_pem=ca_pem,
                directory=directory,
            )
