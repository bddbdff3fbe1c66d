# SPDX-License-Identifier: Apache-2.0
"""The configuration of Postfix and Dovecot, with one port for each kind of mail server."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

DOMAIN: Final = "test.example"

# The smtpd(8) options for each port, in addition to main.cf. "{greylist}" is the policy server's port.
SMTPD: Final[dict[str, tuple[str, ...]]] = {
    "submission": (
        "smtpd_tls_security_level=encrypt",
        "smtpd_sasl_auth_enable=yes",
        "smtpd_tls_auth_only=yes",
        "{ smtpd_sender_restrictions = reject_sender_login_mismatch }",
    ),
    "smtps": (
        "smtpd_tls_wrappermode=yes",
        "smtpd_sasl_auth_enable=yes",
        "{ smtpd_sender_restrictions = reject_sender_login_mismatch }",
    ),
    "auth_after_tls": (
        "smtpd_tls_security_level=may",
        "smtpd_sasl_auth_enable=yes",
        "smtpd_tls_auth_only=yes",
    ),
    "members_only": (
        "smtpd_tls_security_level=encrypt",
        "smtpd_sasl_auth_enable=yes",
        "{ smtpd_client_restrictions = permit_sasl_authenticated, reject }",
    ),
    "relay": ("smtpd_tls_security_level=none",),
    "broken_tls": (
        "smtpd_tls_security_level=may",
        "smtpd_tls_cert_file=/nonexistent/cert.pem",
        "smtpd_tls_key_file=/nonexistent/key.pem",
    ),
    "greylisted": (
        "smtpd_tls_security_level=none",
        "{ smtpd_recipient_restrictions = reject_unauth_destination, "
        "check_policy_service inet:127.0.0.1:{greylist} }",
    ),
    "strict_helo": (
        "smtpd_tls_security_level=none",
        "smtpd_helo_required=yes",
        "{ smtpd_helo_restrictions = check_helo_access inline:{ { bad.test.example=REJECT } } }",
    ),
    "strict_helo_at_once": (
        "smtpd_tls_security_level=none",
        "smtpd_delay_reject=no",
        "smtpd_helo_required=yes",
        "{ smtpd_helo_restrictions = check_helo_access inline:{ { bad.test.example=REJECT } } }",
    ),
    "closed_to_all": (
        "smtpd_tls_security_level=none",
        "smtpd_delay_reject=no",
        "smtpd_client_restrictions=reject",
    ),
    "sender_blocked_at_mail": (
        "smtpd_tls_security_level=none",
        "smtpd_delay_reject=no",
        "{ smtpd_sender_restrictions = check_sender_access inline:{ { blocked@test.example=REJECT } } }",
    ),
    "slow": (
        "smtpd_tls_security_level=encrypt",
        "smtpd_sasl_auth_enable=yes",
        "smtpd_delay_reject=no",
        "{ smtpd_client_restrictions = sleep 3 }",
    ),
    "filtered": ("smtpd_tls_security_level=none", "cleanup_service_name=filter"),
}

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
myhostname = mail.{domain}
mynetworks = 127.0.0.2/32
mydestination =
alias_maps =
alias_database =
local_recipient_maps =
relay_domains = {domain}
relay_recipient_maps = inline:{{ ops@{domain}=x, noreply@{domain}=x }}
default_transport = discard
relay_transport = discard
smtpd_relay_restrictions = permit_sasl_authenticated, reject_unauth_destination
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
smtpd_sender_login_maps = inline:{{ noreply@{domain}={user} }}
smtpd_error_sleep_time = 0
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
smtpd_tls_cert_file = {directory}/cert.pem
smtpd_tls_key_file = {directory}/key.pem
"""

_SERVICES: Final = """\
postlog    unix-dgram n - n - 1 postlogd
cleanup    unix n - n - 0 cleanup
filter     unix n - n - 0 cleanup
  -o { header_checks = regexp:%s/header_checks }
qmgr       unix n - n 300 1 qmgr
tlsmgr     unix - - n 1000? 1 tlsmgr
rewrite    unix - - n - - trivial-rewrite
bounce     unix - - n - 0 bounce
defer      unix - - n - 0 bounce
trace      unix - - n - 0 bounce
flush      unix n - n 1000? 0 flush
proxymap   unix - - n - - proxymap
error      unix - - n - - error
retry      unix - - n - - error
discard    unix - - n - - discard
anvil      unix - - n - 1 anvil
"""

_DOVECOT: Final = """\
base_dir = {directory}/run
state_dir = {directory}/state
protocols =
log_path = {directory}/dovecot.log
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login cram-md5 xoauth2 oauthbearer
auth_failure_delay = 0
passdb {{
  driver = oauth2
  mechanisms = xoauth2 oauthbearer
  args = {directory}/dovecot/oauth2.conf.ext
}}
passdb {{
  driver = passwd-file
  mechanisms = plain login cram-md5
  args = username_format=%u {directory}/dovecot/users
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home=/nonexistent
}}
service auth {{
  unix_listener {directory}/queue/private/auth {{
    mode = 0660
    user = postfix
    group = postfix
  }}
}}
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
"""

_OAUTH2: Final = """\
introspection_mode = get
introspection_url = http://127.0.0.1:{introspection}/introspect?token=
username_attribute = username
active_attribute = active
active_value = true
"""


def write_postfix(
    directory: Path, *, daemons: Path, ports: Mapping[str, int], greylist: int, user: str
) -> None:
    """Write main.cf and master.cf in ``directory``/postfix."""
    files = directory / "postfix"
    files.mkdir()
    main = _MAIN.format(directory=directory, daemons=daemons, domain=DOMAIN, user=user)
    (files / "main.cf").write_text(main)
    (files / "header_checks").write_text("/^Subject: refuse me/ REJECT content not wanted\n")
    services = [_SERVICES % files]
    for name, options in SMTPD.items():
        services.append(f"127.0.0.1:{ports[name]} inet n - n - - smtpd\n")
        services += [f"  -o {option.replace('{greylist}', str(greylist))}\n" for option in options]
    (files / "master.cf").write_text("".join(services))


def write_dovecot(directory: Path, *, users: Mapping[str, str], introspection: int) -> Path:
    """Write dovecot.conf and the files that it needs; return its path."""
    files = directory / "dovecot"
    files.mkdir()
    (files / "users").write_text("".join(f"{name}:{{PLAIN}}{word}::::::\n" for name, word in users.items()))
    (files / "oauth2.conf.ext").write_text(_OAUTH2.format(introspection=introspection))
    file = files / "dovecot.conf"
    file.write_text(_DOVECOT.format(directory=directory))
    return file
