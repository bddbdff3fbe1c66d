# SPDX-License-Identifier: Apache-2.0
"""Verdicts on what a server does not offer in its reply to EHLO."""

from smtp_operator.api.reasons import Reason
from smtp_operator.api.verdict import Phase, SmtpType, Suggestion, Verdict
from smtp_operator.smtp.auth import choose
from smtp_operator.smtp.diagnosis import ports
from smtp_operator.smtp.diagnosis.context import SENDMAIL_REFUSES, DialogueContext
from smtp_operator.smtp.diagnosis.tls_failures import client_certificate
from smtp_operator.smtp.diagnosis.verdicts import verdict


def _refused_client(context: DialogueContext, phase: Phase) -> Verdict:
    return verdict(
        Reason.CLIENT_BLOCKED,
        f"{context.server}:{context.port} offers nothing but ENHANCEDSTATUSCODES",
        phase=phase,
        why="Sendmail does this if its access list refuses the IP address that this cluster sends from",
        fix="Ask the server's owner to allow the cluster's egress address",
    )


def start_tls(context: DialogueContext) -> Verdict:
    """Return the verdict on a server without STARTTLS."""
    if context.offered == SENDMAIL_REFUSES:
        return _refused_client(context, Phase.START_TLS)
    stripped = any(keyword.startswith("XXXX") for keyword in context.offered)
    why = (
        'A firewall on the way overwrites STARTTLS ("XXXX…"), as Cisco firewalls do'
        if stripped
        else "Without STARTTLS, the test would send everything in plaintext. A middlebox may have removed it"
    )
    return verdict(
        Reason.START_TLS_NOT_OFFERED,
        f"{context.server}:{context.port} offers no STARTTLS ({_offers(context)})",
        phase=Phase.START_TLS,
        why=why,
        fix="Turn off SMTP inspection in the firewall"
        if stripped
        else f"Set {ports.tls_port(context)} if supported, or smtpType: None on a trusted network",
    )


def mechanism(context: DialogueContext, wanted: str) -> Verdict:
    """Return the verdict on a server that offers no login, or no usable login mechanism."""
    if not context.mechanisms:
        return _login(context)
    offers = context.shown(", ".join(context.mechanisms))
    usable = choose("Auto", context.mechanisms, by_token=context.by_token)
    other = choose("Auto", context.mechanisms, by_token=not context.by_token)
    fits = choose(wanted, (wanted,), by_token=context.by_token) or wanted == "Auto"
    if usable and fits:
        fix = "Set authMechanism: Auto"
    elif context.by_token:
        fix = "Use a server or port that offers XOAUTH2 or OAUTHBEARER"
        fix = "Use the password block instead of oauth2" if other else fix
    else:
        fix = "Use a server or port that offers PLAIN, LOGIN or CRAM-MD5"
        fix = "Use the oauth2 block instead of password" if other else fix
    credential = "an access token" if context.by_token else "a password"
    return verdict(
        Reason.AUTH_MECHANISM_UNSUPPORTED,
        f"{context.server} offers the login mechanisms {offers}, "
        + (
            f"not {wanted}"
            if wanted not in {"Auto", *context.mechanisms}
            else f"none of which works with {credential}"
        ),
        phase=Phase.AUTH,
        fix=fix,
        suggestion=Suggestion(auth_mechanism="Auto") if usable and fits else None,
    )


def _login(context: DialogueContext) -> Verdict:
    if context.offered == SENDMAIL_REFUSES:
        return _refused_client(context, Phase.AUTH)
    if context.certificate_requested and not context.offered and not context.client_certificate:
        return client_certificate(context, Phase.AUTH)
    after_starttls = context.smtp_type is SmtpType.NONE and "STARTTLS" in context.offered
    login_port = ports.login_port(context)
    return verdict(
        Reason.AUTH_NOT_OFFERED,
        f"{context.server}:{context.port} offers no login ({_offers(context)})",
        phase=Phase.AUTH,
        fix="Set smtpType: StartTLS, because many servers offer a login only after STARTTLS"
        if after_starttls
        else "Remove username and password if this is a relay without login"
        + (f", or set {login_port}" if login_port else ""),
    )


def smtputf8(context: DialogueContext, label: str) -> Verdict:
    """Return the verdict on a non-ASCII local part if the server lacks SMTPUTF8 (RFC 6531)."""
    return verdict(
        Reason.ADDRESS_NEEDS_SMTP_UTF8,
        f"{label} needs SMTPUTF8, which {context.server} does not offer",
        phase=Phase.MAIL_FROM,
        fix="Use an address with only ASCII characters before the @",
    )


def _offers(context: DialogueContext) -> str:
    if not context.offered:
        return "offers nothing"
    return "offers: " + context.shown(", ".join(sorted(context.offered)))
