# SPDX-License-Identifier: Apache-2.0
"""`kubectl smtp explain REASON` works without a cluster, and knows every reason."""

from collections.abc import Callable
from typing import Any

import pytest

from smtp_operator.api.reasons import REASONS, Reason
from smtp_operator.cli.kubectl.json_keys import JSON_KEYS

Offline = Callable[..., Any]


def test_it_shows_meaning_fix_and_time_of_the_next_test(offline: Offline) -> None:
    ended = offline("explain", "AuthenticationFailed")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == (
        "AuthenticationFailed\n"
        "  The server rejected the username or password.\n"
        "\n"
        "  Fix:           Check the username and password.\n"
        "  Next test:     after 24h; after 1h the first time, if the password had passed before; at once\n"
        "                 after a change or a request\n"
        "  Until then:    Stalled\n"
        "  Retry class:   Authentication\n"
        "  Page:          docs/reference/reasons/AuthenticationFailed.md\n"
    )


def test_with_the_address_of_a_site_it_ends_with_a_link(offline: Offline) -> None:
    shown = offline("explain", "RelayDenied", "--docs-url", "https://docs.example.com/mail/")
    assert shown.out.endswith(
        "  Page:          https://docs.example.com/mail/reference/reasons/RelayDenied.html\n"
    )


@pytest.mark.parametrize("url", ["docs.example.com", "javascript:alert(1)", "https://user@docs.example.com"])
def test_what_is_no_address_is_refused(offline: Offline, url: str) -> None:
    ended = offline("explain", "RelayDenied", f"--docs-url={url}")
    assert ended.code == 2
    assert "is not the address of a site" in ended.err


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_is_explained(offline: Offline, reason: Reason) -> None:
    ended = offline("explain", str(reason))
    assert ended.code == 0
    assert " ".join(REASONS[reason].meaning.split()) in " ".join(ended.out.split())


def test_case_does_not_matter(offline: Offline) -> None:
    assert offline("explain", "relaydenied").out.startswith("RelayDenied\n")


def test_json_keys_are_stable(offline: Offline) -> None:
    shown = offline("explain", "StartTlsRequired", "-o", "json").json
    assert list(shown) == list(JSON_KEYS["explain"])
    assert shown == {
        "reason": "StartTlsRequired",
        "meaning": "The server requires STARTTLS.",
        "mends": "Set smtpType: StartTLS.",
        "retry": "Configuration",
        "nextTest": (
            "after recheck.interval (at least 1h) if it failed before the login; otherwise only after a"
            " change"
        ),
        "condition": "Stalled",
        "page": "docs/reference/reasons/StartTlsRequired.md",
    }


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("SecretNotFund", "there is no reason 'SecretNotFund'; did you mean SecretNotFound, "),
        ("Greylist", "there is no reason 'Greylist'; did you mean Greylisted?"),
        (
            "xyzzy",
            "there is no reason 'xyzzy'; kubectl get smtpconfig shows reasons in the column STATUS",
        ),
    ],
)
def test_an_unknown_reason_lists_similar_ones(offline: Offline, typed: str, said: str) -> None:
    ended = offline("explain", typed)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"kubectl smtp: {said}")
