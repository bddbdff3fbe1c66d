# SPDX-License-Identifier: Apache-2.0
"""Mail servers of other authors, and the complaints in their logs about the operator's dialogues.

`REQUIRED` runs with `make test-peers`, `FURTHER` with `make test-peers-all`. A new server is a subclass of
`PeerServer` in one of these lists.

Not here: Courier, whose programs read only /etc/courier and /var/lib/courier. To accept a recipient or a
login, they need its delivery daemon and its authentication daemon.

OpenSMTPD and msmtpd run without TLS. Inbucket accepts every password. GreenMail has no STARTTLS. stunnel and
HAProxy end only TLS from the first byte.
"""

from typing import Final

from smtp_testkit.realpeers.servers.catchers import Haraka, Inbucket, Mailpit
from smtp_testkit.realpeers.servers.exim import Exim
from smtp_testkit.realpeers.servers.frontends import HaProxy, Nginx, Stunnel
from smtp_testkit.realpeers.servers.further import Aiosmtpd, SmtpServer
from smtp_testkit.realpeers.servers.go_servers import Chasquid, GoSmtp
from smtp_testkit.realpeers.servers.java_servers import GreenMail
from smtp_testkit.realpeers.servers.opensmtpd import OpenSmtpd
from smtp_testkit.realpeers.servers.postfix import DovecotSubmission, Postfix
from smtp_testkit.realpeers.servers.sendmail import Sendmail
from smtp_testkit.realpeers.servers.server import PeerServer
from smtp_testkit.realpeers.servers.small_servers import Msmtpd, Qpsmtpd

REQUIRED: Final[tuple[type[PeerServer], ...]] = (
    Postfix,
    Exim,
    OpenSmtpd,
    DovecotSubmission,
    GoSmtp,
    Chasquid,
)
FURTHER: Final[tuple[type[PeerServer], ...]] = (
    Aiosmtpd,
    SmtpServer,
    Stunnel,
    HaProxy,
    Nginx,
    Mailpit,
    Inbucket,
    Haraka,
    Sendmail,
    GreenMail,
    Msmtpd,
    Qpsmtpd,
)

__all__ = ["FURTHER", "REQUIRED", "PeerServer"]
