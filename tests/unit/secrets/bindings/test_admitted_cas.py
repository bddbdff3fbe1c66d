# SPDX-License-Identifier: Apache-2.0
"""smtp-operator.io/allowed-ca: which certificates of a caRef verify the server of a bound value."""

import hashlib
from typing import Any

import pytest
import trustme

from smtp_operator.api.objects import JsonObject
from smtp_operator.network.trust import ServerTrust
from smtp_operator.secrets.bindings import bindings_of, server_trust
from smtp_testkit.mailpeers.fingerprints import fingerprint

SERVERS = "smtp-operator.io/allowed-servers"
ALLOWED_CA = "smtp-operator.io/allowed-ca"

MINE, OTHER = (trustme.CA().cert_pem.bytes().decode() for _ in range(2))


def holder(kind: str = "Secret", name: str = "pw", **annotations: str) -> JsonObject:
    names = {"servers": SERVERS, "ca": ALLOWED_CA}
    written = {names[key]: value for key, value in annotations.items()}
    return {"kind": kind, "metadata": {"namespace": "team-a", "name": name, "annotations": written}}


def vault(*allowed: str, kind: str = "SmtpVault", ca: str | None = None) -> JsonObject:
    metadata: dict[str, Any] = {"name": "bao"} | ({"namespace": "team-a"} if kind == "SmtpVault" else {})
    metadata |= {} if ca is None else {"annotations": {ALLOWED_CA: ca}}
    return {"kind": kind, "metadata": metadata, "spec": {"allowedServers": list(allowed)}}


def trust(bundle: str | None, *holders: JsonObject) -> ServerTrust:
    return server_trust(bundle, bindings_of(holders), field="tls.caRef")


# Values that nothing binds keep their caRef.


@pytest.mark.parametrize(
    "free",
    [
        holder(),
        holder(servers="*:*"),
        holder(servers="smtp.example.com:587, *:*"),
        holder(ca=fingerprint(MINE)),
        vault("*:*"),
        vault("*:587"),
    ],
)
def test_what_is_bound_to_no_server_keeps_its_ca_ref(free: JsonObject) -> None:
    assert trust(OTHER, free) == ServerTrust(ca_pem=OTHER)
    assert trust(None, free) == ServerTrust()


# Bound values.


def test_a_bundle_is_parsed_once_for_all_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    bundle = trustme.CA().cert_pem.bytes().decode() + MINE
    admitted = holder(servers="smtp.example.com:587", ca=f"{fingerprint(MINE)},{_first(bundle)}")
    first = trust(bundle, admitted)
    monkeypatch.setattr(hashlib, "sha256", None)
    again = trust("".join([*bundle]), admitted)
    assert first.not_admitted is None
    assert again.ca_pem is first.ca_pem  # one text, so that one TLS context serves all tests


def _first(bundle: str) -> str:
    return fingerprint(bundle.partition("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----\n")


BOUND = "smtp.example.com:587"


@pytest.mark.parametrize(
    "bound",
    [
        holder(servers=BOUND),
        holder("ServiceAccount", servers=BOUND),
        holder(servers="*.example.com:587"),
        holder(servers=""),
        holder(servers="*"),
        holder(servers="*:587"),
        vault(BOUND),
        vault(BOUND, kind="ClusterSmtpVault"),
        vault(),
    ],
)
def test_a_ca_that_no_owner_admits_verifies_no_server_of_a_bound_value(bound: JsonObject) -> None:
    found = trust(OTHER, bound)

    assert found.ca_pem is None
    assert found.not_admitted is not None
    assert found.not_admitted.fingerprints == (fingerprint(OTHER),)


def test_the_message_names_owner_annotation_and_fingerprint() -> None:
    found = trust(OTHER, vault(BOUND, kind="ClusterSmtpVault"))

    assert found.not_admitted is not None
    assert found.not_admitted.sentences("smtp.example.com:587") == (
        "The certificate of smtp.example.com:587 was not issued by a CA that ClusterSmtpVault bao admits."
        " ClusterSmtpVault bao is bound to its servers, so tls.caRef alone cannot add a CA. If this CA is"
        " correct, ask the owner to add it to the annotation smtp-operator.io/allowed-ca:"
        f" {fingerprint(OTHER)}; or ask the cluster admin to add it to the operator's --ca-file."
    )


def test_without_a_ca_ref_the_systems_cas_verify_it() -> None:
    assert trust(None, holder(servers=BOUND)) == ServerTrust(absolute_name=True)


@pytest.mark.parametrize("written", ["{}", " {} ", "{0},{0}", "00ff,{}", "x,\n{}"])
def test_an_admitted_ca_alone_is_trusted(written: str) -> None:
    found = trust(MINE, holder(servers=BOUND, ca=written.format(fingerprint(MINE))))

    assert (found.ca_pem, found.not_admitted) == (MINE, None)


@pytest.mark.parametrize(
    "written",
    [
        *("", "*", "{}x", "{} {}", "sha256:{}"),
        pytest.param(fingerprint(MINE).upper(), id="in upper case"),
        pytest.param(fingerprint(MINE)[:32], id="cut"),
    ],
)
def test_what_is_no_fingerprint_admits_nothing(written: str) -> None:
    found = trust(MINE, holder(servers=BOUND, ca=written.format(*[fingerprint(MINE)] * 2)))

    assert found.ca_pem is None
    assert found.not_admitted is not None


def test_a_ca_that_was_added_to_the_config_map_is_left_out() -> None:
    found = trust(OTHER + MINE, holder(servers=BOUND, ca=fingerprint(MINE)))

    assert found.ca_pem == MINE
    assert found.not_admitted is not None
    assert found.not_admitted.fingerprints == (fingerprint(OTHER),)


def test_every_owner_has_to_admit_it() -> None:
    found = trust(MINE, holder(servers=BOUND, ca=fingerprint(MINE)), holder(name="user", servers=BOUND))

    assert found.ca_pem is None
    assert found.not_admitted is not None
    assert found.not_admitted.owner == "Secret team-a/user"


def test_the_annotation_adds_no_ca_that_the_ca_ref_does_not_name() -> None:
    found = trust(MINE, holder(servers=BOUND, ca=f"{fingerprint(MINE)},{fingerprint(OTHER)}"))

    assert found.ca_pem == MINE


# What OpenSSL would read in another way than we do.


@pytest.mark.parametrize("label", ["X509 CERTIFICATE", "TRUSTED CERTIFICATE"])
def test_a_certificate_under_another_label_is_not_smuggled_in(label: str) -> None:
    smuggled = OTHER.replace("BEGIN CERTIFICATE", f"BEGIN {label}").replace("END CERTIFICATE", f"END {label}")

    found = trust(smuggled + MINE, holder(servers=BOUND, ca=fingerprint(MINE)))

    assert found.ca_pem == MINE


@pytest.mark.parametrize(
    "broken",
    [
        "-----BEGIN CERTIFICATE-----\n",
        "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
        MINE.replace("-----END CERTIFICATE-----", ""),
    ],
)
def test_a_bundle_that_cannot_be_read_is_trusted_in_no_part(broken: str) -> None:
    found = trust(MINE + broken, holder(servers=BOUND, ca=fingerprint(MINE)))

    assert (found.ca_pem, found.not_admitted) == ("", None)  # CABundleInvalid


def test_the_names_of_many_cas_fit_into_a_message() -> None:
    public = "".join(trustme.CA().cert_pem.bytes().decode() for _ in range(12))

    found = trust(public, holder(servers=BOUND))

    assert found.not_admitted is not None
    text = found.not_admitted.sentences("smtp.example.com:587")
    assert "(and 8 more certificates that tls.caRef names)" in text
    assert len(text.encode()) <= 1024
