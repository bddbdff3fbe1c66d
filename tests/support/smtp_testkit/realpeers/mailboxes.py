# SPDX-License-Identifier: Apache-2.0
"""Postfix and Dovecot with mailboxes: Postfix delivers over LMTP, and Dovecot serves IMAP."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from smtp_testkit.realpeers.peers import run_dovecot, run_postfix, write_certificates
from smtp_testkit.realpeers.tools import DAEMONS, NeedsTools, missing_mailbox_tools
from smtp_tools.localcluster.ports import free_ports

PROBE: Final = "probe@test.example"
BOUNCED: Final = "bounced@test.example"
"""Emails from this address come back; notices to it arrive."""
DROPPED: Final = "dropped@test.example"
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
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_peername_lookup = no
"""

_MASTER: Final = """\
127.0.0.1:{port} inet n - n - - smtpd
postlog    unix-dgram n - n - 1 postlogd
cleanup    unix n - n - 0 cleanup
qmgr       unix n - n 300 1 qmgr
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
"""

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
  driver = static
  args = uid=nobody gid=nogroup home={directory}/mail/%u
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
    port = {starttls}
  }}
  inet_listener imaps {{
    address = 127.0.0.1
    port = {tls}
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
            smtp, imaps, imap = free_ports(3)
            ca_pem = write_certificates(directory)
            for name in ("queue", "data", "run", "state", "mail", "postfix", "dovecot"):
                (directory / name).mkdir()
            shutil.chown(directory / "data", "postfix")
            shutil.chown(directory / "mail", "nobody")
            values = {"directory": directory, "daemons": DAEMONS, "bounced": BOUNCED, "dropped": DROPPED}
            (directory / "postfix" / "main.cf").write_text(_MAIN.format(**values))
            (directory / "postfix" / "master.cf").write_text(_MASTER.format(port=smtp))
            users = "".join(f"{name}:{{PLAIN}}{MAILBOX_PASSWORD}::::::\n" for name in (PROBE, BOUNCED))
            (directory / "dovecot" / "users").write_text(users)
            conf = directory / "dovecot" / "dovecot.conf"
            conf.write_text(_DOVECOT.format(directory=directory, tls=imaps, starttls=imap))
            with run_postfix(directory), run_dovecot(conf):
                yield cls(smtp, imaps, imap, ca_pem, directory)
        finally:
            shutil.rmtree(directory)
