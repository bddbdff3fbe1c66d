# SPDX-License-Identifier: Apache-2.0
"""smtp-operator.io/allowed-servers: where the values of a Secret may be sent, as a table."""

import pytest

from smtp_operator.api.names import ALLOWED_SERVERS
from smtp_operator.api.objects import JsonObject
from smtp_operator.api.reasons import Reason, Retry
from smtp_operator.api.verdict import Phase, Verdict, VerdictError
from smtp_operator.secrets.allowed_servers import check_destination


def secret(annotation: str | None) -> JsonObject:
    annotations = {} if annotation is None else {"smtp-operator.io/allowed-servers": annotation}
    return {"metadata": {"namespace": "team-a", "name": "pw", "annotations": annotations}}


def allows(
    annotation: str | None, server: str, port: int = 587, *, verified: bool = True, required: bool = False
) -> bool:
    bound = secret(annotation)
    try:
        check_destination(bound, server=server, port=port, verified_tls=verified, required=required)
    except VerdictError:
        return False
    return True


@pytest.mark.parametrize(
    ("annotation", "server", "port", "allowed"),
    [
        # host:port
        ("smtp.example.com:587", "smtp.example.com", 587, True),
        ("smtp.example.com:587", "smtp.example.com", 465, False),
        ("smtp.example.com:587", "smtp.example.org", 587, False),
        ("smtp.example.com:587", "evil-smtp.example.com", 587, False),
        ("smtp.example.com:587", "smtp.example.com.evil.example", 587, False),
        ("smtp.example.com:587", "a.smtp.example.com", 587, False),
        # lists and blanks
        ("a.example.com:25,smtp.example.com:587", "smtp.example.com", 587, True),
        (" a.example.com:25 , smtp.example.com:587 ", "smtp.example.com", 587, True),
        ("smtp.example.com:587,", "smtp.example.com", 587, True),
        ("smtp.example.com: 587", "smtp.example.com", 587, False),
        ("smtp.example.com:587 a.example.com:25", "smtp.example.com", 587, False),
        ("smtp.example.com:587;a.example.com:25", "smtp.example.com", 587, False),
        # case, and the dot of the root
        ("SMTP.Example.COM:587", "smtp.example.com", 587, True),
        ("smtp.example.com:587", "SMTP.EXAMPLE.com", 587, True),
        ("smtp.example.com.:587", "smtp.example.com", 587, True),
        ("smtp.example.com:587", "smtp.example.com.", 587, True),
        ("smtp.example.com..:587", "smtp.example.com", 587, False),
        # international names
        ("müller.example:587", "xn--mller-kva.example", 587, True),
        ("xn--mller-kva.example:587", "MÜLLER.example", 587, True),
        # one label for *
        ("*.example.com:587", "smtp.example.com", 587, True),
        ("*.example.com:587", "SMTP.EXAMPLE.COM.", 587, True),
        ("*.example.com:587", "a.smtp.example.com", 587, False),
        ("*.example.com:587", "example.com", 587, False),
        ("*.example.com:587", ".example.com", 587, False),
        ("*.example.com:587", "smtp.example.org", 587, False),
        ("smtp.*.com:587", "smtp.example.com", 587, False),
        ("s*.example.com:587", "smtp.example.com", 587, False),
        ("*.*.com:587", "smtp.example.com", 587, False),
        # everywhere, on purpose
        ("*:*", "smtp.example.com", 587, True),
        ("*:*", "192.0.2.1", 25, True),
        ("a.example.com:25, *:*", "smtp.example.com", 587, True),
        ("*", "smtp.example.com", 587, False),
        ("*:587", "smtp.example.com", 587, False),
        ("*.:*", "smtp.example.com", 587, False),
        ("*.:587", "smtp.example.com", 587, False),
        ("smtp.example.com:*", "smtp.example.com", 587, False),
        # addresses
        ("192.0.2.1:25", "192.0.2.1", 25, True),
        ("192.0.2.1:25", "192.0.2.10", 25, False),
        ("*.0.2.1:25", "192.0.2.1", 25, False),
        ("[2001:db8::1]:25", "2001:db8::1", 25, True),
        ("[2001:DB8:0:0::1]:25", "2001:db8::1", 25, True),
        ("[2001:db8::1]:25", "2001:db8::2", 25, False),
        ("2001:db8::1:25", "2001:db8::1", 25, False),
        ("[192.0.2.1]:25", "192.0.2.1", 25, False),
        ("[smtp.example.com]:25", "smtp.example.com", 25, False),
        ("[2001:db8::1]", "2001:db8::1", 25, False),
        ("[]:25", "smtp.example.com", 25, False),
        # what says nothing allows nothing
        ("", "smtp.example.com", 587, False),
        (",,", "smtp.example.com", 587, False),
        (":587", "", 587, False),
        ("smtp.example.com", "smtp.example.com", 587, False),
        ("smtp.example.com:", "smtp.example.com", 587, False),
        ("smtp.example.com:smtp", "smtp.example.com", 587, False),
        ("smtp.example.com:0587", "smtp.example.com", 587, False),
        ("smtps://smtp.example.com:587", "smtp.example.com", 587, False),
    ],
)
def test_servers(annotation: str, server: str, port: int, allowed: bool) -> None:
    assert allows(annotation, server, port) is allowed


@pytest.mark.parametrize("verified", [True, False])
def test_without_the_annotation_everything_is_allowed(verified: bool) -> None:
    assert allows(None, "smtp.example.com", verified=verified)


def test_without_any_annotations_too() -> None:
    for metadata in (
        {"namespace": "team-a", "name": "pw"},
        {"namespace": "a", "name": "b", "annotations": None},
    ):
        check_destination(
            {"metadata": metadata}, server="smtp.example.com", port=587, verified_tls=False, required=False
        )


@pytest.mark.parametrize(
    ("annotation", "allowed"), [(None, False), ("smtp.example.com:587", True), ("", False)]
)
def test_where_it_is_required_nothing_goes_without_it(annotation: str | None, allowed: bool) -> None:
    assert allows(annotation, "smtp.example.com", required=True) is allowed


@pytest.mark.parametrize("annotation", ["smtp.example.com:587", "*.example.com:587", "*:*"])
def test_what_has_it_is_sent_over_verified_tls_only(annotation: str) -> None:
    assert allows(annotation, "smtp.example.com")
    assert not allows(annotation, "smtp.example.com", verified=False)


@pytest.mark.parametrize(
    ("annotation", "server", "verified", "required", "message"),
    [
        (
            None,
            "smtp.example.com",
            True,
            True,
            "Secret team-a/pw does not say where its values may be sent, which the operator requires"
            " (--require-allowed-servers). Ask its owner to add the annotation"
            " smtp-operator.io/allowed-servers: smtp.example.com:587",
        ),
        (
            None,
            "2001:db8::1",
            True,
            True,
            "Secret team-a/pw does not say where its values may be sent, which the operator requires"
            " (--require-allowed-servers). Ask its owner to add the annotation"
            " smtp-operator.io/allowed-servers: [2001:db8::1]:587",
        ),
        (
            "smtp.example.com:587",
            "evil.example",
            True,
            False,
            "Secret team-a/pw does not allow server evil.example:587. Ask its owner to add it to the"
            " annotation smtp-operator.io/allowed-servers, or set server and port to an entry of the"
            " annotation.",
        ),
        (
            "smtp.example.com:587",
            "smtp.example.com",
            False,
            False,
            "Secret team-a/pw is bound to its servers by the annotation smtp-operator.io/allowed-servers,"
            " so the operator sends it over verified TLS only. Set smtpType: StartTLS or TLS, and"
            " tls.insecureSkipVerify: false.",
        ),
    ],
)
def test_messages(annotation: str | None, server: str, verified: bool, required: bool, message: str) -> None:
    with pytest.raises(VerdictError) as caught:
        check_destination(
            secret(annotation), server=server, port=587, verified_tls=verified, required=required
        )
    assert caught.value.verdict == Verdict(
        reason=Reason.SERVER_NOT_ALLOWED, message=message, retry=Retry.CONFIGURATION, phase=Phase.PASSWORD
    )


def test_a_refusal_does_not_list_what_is_allowed() -> None:
    """Users who may edit a SmtpConfig do not learn where else the password goes."""
    with pytest.raises(VerdictError) as caught:
        check_destination(
            secret("internal.example.com:587"),
            server="smtp.example.com",
            port=587,
            verified_tls=True,
            required=False,
        )
    assert "internal" not in caught.value.verdict.message


def annotated(annotation: str) -> JsonObject:
    metadata = {"namespace": "team-a", "name": "smtp", "annotations": {ALLOWED_SERVERS: annotation}}
    return {"kind": "Secret", "metadata": metadata}


@pytest.mark.parametrize(
    "annotation",
    ["smtp.example.com:587," * 257, "smtp.example.com:587," + "x" * 16_384, "é" * 60_000 + ":587"],
    ids=["entries", "length", "one entry"],
)
def test_an_annotation_without_end_allows_nothing(annotation: str) -> None:
    with pytest.raises(VerdictError) as caught:
        check_destination(
            annotated(annotation), server="smtp.example.com", port=587, verified_tls=True, required=False
        )
    assert caught.value.verdict.reason is Reason.SERVER_NOT_ALLOWED
    assert caught.value.verdict.message == (
        "The annotation smtp-operator.io/allowed-servers of Secret team-a/smtp has more than 16,384"
        " characters or 256 entries, so it allows nothing. Ask its owner to shorten it, for example with"
        " *. for one label."
    )


def test_names_of_an_annotation_are_encoded_once(monkeypatch: pytest.MonkeyPatch) -> None:
    encoded: list[str] = []

    def encode(name: str, *, uts46: bool) -> bytes:
        encoded.append(name)
        return name.encode("punycode")

    monkeypatch.setattr("smtp_operator.secrets.allowed_servers.idna.encode", encode)
    secret = annotated(",".join(f"é{number}.example.net:587" for number in range(200)))
    for _ in range(20):
        with pytest.raises(VerdictError):
            check_destination(secret, server="ü.example.net", port=587, verified_tls=True, required=False)
    assert len(encoded) == 201
