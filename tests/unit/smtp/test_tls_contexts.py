# SPDX-License-Identifier: Apache-2.0
"""TLS settings do not depend on the Python version: TLS 1.2 or later, name checks, strict RFC 5280."""

import asyncio
import ssl
import threading
import time

import pytest

from smtp_operator.network.tls import MOST_CERTIFICATES
from smtp_operator.smtp.certificates import CaBundleInvalid, TlsContexts
from smtp_testkit.mailpeers.certificates import Authority


@pytest.fixture(scope="module")
def bundle() -> str:
    return Authority.make().pem


def test_what_is_checked(bundle: str) -> None:
    for ca_pem in (bundle, None):
        context = TlsContexts().get(ca_pem, verify=True)

        assert context.verify_mode is ssl.CERT_REQUIRED
        assert context.check_hostname
        assert context.minimum_version is ssl.TLSVersion.TLSv1_2
        assert context.verify_flags & ssl.VERIFY_X509_STRICT
        assert context.verify_flags & ssl.VERIFY_X509_PARTIAL_CHAIN


def test_a_bundle_is_trusted_exclusively(bundle: str) -> None:
    (certificate,) = TlsContexts().get(bundle, verify=True).get_ca_certs()

    assert certificate["subject"] == ((("commonName", "corp-ca"),),)


def test_without_verification_only_the_version_is_checked(bundle: str) -> None:
    context = TlsContexts().get(bundle, verify=False)

    assert context.verify_mode is ssl.CERT_NONE
    assert not context.check_hostname
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2


def test_equal_settings_share_a_context_up_to_a_bound(bundle: str) -> None:
    contexts = TlsContexts()
    first = contexts.get(bundle, verify=True)

    assert contexts.get(bundle, verify=True) is first
    assert contexts.get(bundle, verify=False) is not first
    for number in range(200):
        contexts.get(f"{bundle}\n# {number}", verify=False)
    assert contexts.get(bundle, verify=True) is not first


def test_a_bundle_with_one_broken_certificate_is_refused_as_a_whole(bundle: str) -> None:
    broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"

    with pytest.raises(CaBundleInvalid):
        TlsContexts().get(bundle + broken, verify=True)


async def test_a_bundle_is_parsed_while_the_loop_goes_on(
    bundle: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[int] = []
    load = ssl.SSLContext.load_verify_locations

    def noted(context: ssl.SSLContext, *words: str, **options: str) -> None:
        threads.append(threading.get_ident())
        load(context, *words, **options)

    monkeypatch.setattr(ssl.SSLContext, "load_verify_locations", noted)
    contexts = TlsContexts()
    first, again = await asyncio.gather(*[contexts.load(bundle, verify=True) for _ in range(2)])
    assert first is again is contexts.get(bundle, verify=True)
    assert len(threads) == 1
    assert threads[0] != threading.get_ident()


async def test_500_certificates_block_no_other_thread() -> None:
    ended, worst = threading.Event(), 0.0
    ca_pem = "".join(Authority.make(f"ca-{number}").pem for number in range(MOST_CERTIFICATES))

    def watch() -> None:
        nonlocal worst
        last = time.process_time()  # a loaded machine costs no CPU time
        while not ended.wait(0.001):
            now = time.process_time()
            worst, last = max(worst, now - last), now

    watching = asyncio.create_task(asyncio.to_thread(watch))
    await TlsContexts().load(ca_pem, verify=True)
    ended.set()
    await watching
    assert worst < 0.5


@pytest.mark.parametrize("number", [MOST_CERTIFICATES + 1, 1200])
def test_more_certificates_than_any_system_trusts_are_refused(number: int) -> None:
    blocks = "".join(
        f"-----BEGIN CERTIFICATE-----\n{it:08}\n-----END CERTIFICATE-----\n" for it in range(number)
    )
    with pytest.raises(CaBundleInvalid):
        TlsContexts().get(blocks, verify=True)


@pytest.mark.parametrize(
    "hostile",
    [
        "-----BEGIN CERTIFICATE-----" * 19_000,
        "-----BEGIN CERTIFICATE-----" + "A" * 520_000,
        "-----BEGIN CERTIFICATE-----" + "-" * 520_000,
        ("-----BEGIN CERTIFICATE-----" + "A" * 100) * 4_000 + "-----END CERTIFICATE-----",
    ],
    ids=["begins", "no end", "dashes", "one end"],
)
def test_a_hostile_bundle_is_refused_at_once(hostile: str) -> None:
    begun = time.thread_time()
    with pytest.raises(CaBundleInvalid):
        TlsContexts().get(hostile, verify=True)
    assert time.thread_time() - begun < 0.5


def test_the_same_certificate_many_times_counts_once(bundle: str) -> None:
    assert len(TlsContexts().get(bundle * 600, verify=True).get_ca_certs()) == 1


def test_contexts_are_kept_up_to_the_size_of_their_bundles(bundle: str) -> None:
    contexts = TlsContexts()
    first = contexts.get(bundle, verify=True)
    for number in range(3):
        contexts.get(f"{bundle}# {number}" + "x" * 500_000, verify=True)
    assert contexts.get(bundle, verify=True) is not first
