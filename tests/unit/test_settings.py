# SPDX-License-Identifier: Apache-2.0
"""Flags and environment variables: one table, flags first, and errors that say which one is wrong."""

import ipaddress

import pytest

from smtp_operator.api.verdict import Mode
from smtp_operator.setting_parsers import ListenAddress, LogFormat, LogLevel, PortRange, SecretWatch
from smtp_operator.setting_reader import read_settings
from smtp_operator.settings import FLAGS, CommandLineFlag, InvalidSetting, Settings


def test_without_anything_the_operator_is_cluster_wide_and_careful() -> None:
    settings = read_settings({}, {})
    assert settings == Settings()
    assert settings.cluster_wide
    assert [str(ports) for ports in settings.allow_smtp_port] == ["25", "465", "587", "2465", "2525", "2587"]
    assert settings.max_connections_per_destination == 5
    assert (settings.max_tests, settings.max_tests_per_namespace) == (400, 100)
    assert (settings.max_emails_per_namespace, settings.max_emails_per_mailbox) == (120, 600)
    assert settings.max_rejected_logins == 5
    assert settings.secret_watch is SecretWatch.METADATA
    assert settings.health_address is None


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("namespaces", "team-a, team-b,", ("team-a", "team-b")),
        ("exclude_namespace", "team-a, *-test,kube-*", ("team-a", "*-test", "kube-*")),
        ("kubeconfig", "/etc/kubeconfig", "/etc/kubeconfig"),
        ("context", "staging", "staging"),
        ("max_connections_per_destination", "20", 20),
        ("default_recheck_interval", "1h30m", "1h30m"),
        ("default_recheck_interval", "0s", "0s"),
        ("default_recheck_mode", "sendemail", Mode.SEND_EMAIL),
        ("default_recheck_mode", "Connect", Mode.CONNECT),
        ("default_test_timeout", "10m", "10m"),
        ("max_tests", "0", 0),
        ("max_tests_per_namespace", "50", 50),
        ("max_emails_per_namespace", "100000", 100_000),
        ("max_emails_per_mailbox", "10", 10),
        ("max_rejected_logins", "1", 1),
        ("allow_smtp_port", "25,2500-2599", (PortRange(25, 25), PortRange(2500, 2599))),
        (
            "allow_network",
            "192.0.2.0/24,2001:db8::/32,198.51.100.7",
            (
                ipaddress.ip_network("192.0.2.0/24"),
                ipaddress.ip_network("2001:db8::/32"),
                ipaddress.ip_network("198.51.100.7/32"),
            ),
        ),
        ("deny_network", "10.0.0.0/8", (ipaddress.ip_network("10.0.0.0/8"),)),
        ("allow_recipient_domain", "Example.com", ("example.com",)),
        ("allow_authority_host", "Login.Local.AzureStack.external", ("login.local.azurestack.external",)),
        ("allow_key_vault_host", "kv.Example.com", ("kv.example.com",)),
        ("require_allowed_servers", "true", True),
        ("require_allowed_servers", "0", False),
        ("secret_watch", "Label", SecretWatch.LABEL),
        ("cluster_name", "Düsseldorf 1", "Düsseldorf 1"),
        ("helo_name", "mail.example.com", "mail.example.com"),
        ("health_address", ":8081", ListenAddress("", 8081)),
        ("health_address", "[::1]:8081", ListenAddress("::1", 8081)),
        ("health_address", "", None),
        ("leader_elect", "true", True),
        ("lease_name", "smtp-operator-2", "smtp-operator-2"),
        ("lease_namespace", "ops", "ops"),
        ("metrics_address", ":8080", ListenAddress("", 8080)),
        ("log_format", "text", LogFormat.TEXT),
        ("log_level", "WARNING", LogLevel.WARNING),
        ("debug", "yes", True),
    ],
)
def test_each_is_given_by_flag_or_by_variable(name: str, text: str, value: object) -> None:
    (flag,) = (it for it in FLAGS if it.name == name)
    assert getattr(read_settings({name: [text]}, {}), name) == value
    assert getattr(read_settings({}, {flag.variable: text}), name) == value


def test_a_flag_takes_the_place_of_its_variable() -> None:
    environment = {"SMTP_OPERATOR_ALLOW_NETWORK": "10.0.0.0/8", "SMTP_OPERATOR_LOG_LEVEL": "debug"}
    settings = read_settings({"allow_network": ["192.0.2.0/24"]}, environment)
    assert settings.allow_network == (ipaddress.ip_network("192.0.2.0/24"),)
    assert settings.log_level is LogLevel.DEBUG


def test_a_list_may_be_given_in_several_flags() -> None:
    assert read_settings({"namespaces": ["a,b", "c"]}, {}).namespaces == ("a", "b", "c")


def test_unknown_variables_are_ignored() -> None:
    assert read_settings({}, {"SMTP_OPERATOR_SERVICE_PORT": "tcp://10.0.0.1:80", "PATH": "/"}) == Settings()


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("namespaces", "Team_A", "--namespace: 'Team_A' is not the name of a namespace"),
        ("namespaces", "", "--namespace: '' is not the name of a namespace"),
        *(
            (
                "exclude_namespace",
                text,
                f"--exclude-namespace: {text!r} is neither the name of a namespace such as team-a nor a"
                " pattern such as team-*",
            )
            for text in ("", "Team-a", "team_a", "team a", "team/a", "-team", "team-", "team-?", "a" * 64)
        ),
        (
            "exclude_namespace",
            "**",
            "--exclude-namespace: '**' matches all namespaces, so none would be served; use a"
            " pattern such as team-*",
        ),
        (
            "max_connections_per_destination",
            "0",
            "--max-connections-per-destination: '0' is not a number from 1 to 1000",
        ),
        (
            "max_emails_per_namespace",
            "-1",
            "--max-emails-per-namespace: '-1' is not a number from 0 (no limit) to 100000",
        ),
        (
            "max_rejected_logins",
            "100001",
            "--max-rejected-logins: '100001' is not a number from 0 (no limit) to 100000",
        ),
        *(
            (
                "default_recheck_interval",
                text,
                f"--default-recheck-interval: {text!r} must be a duration such as 90s, 15m or 1h30m between"
                ' 1m and 8760h, or "0s" for no rechecks',
            )
            for text in ("", "1", "59s", "8761h", "-1h", "1d", "hourly", f"{'0' * 17}h")
        ),
        *(
            (
                "default_test_timeout",
                text,
                f"--default-test-timeout: {text!r} must be a duration such as 90s, 15m or 1h30m between 5s"
                " and 10m",
            )
            for text in ("", "0s", "4.999s", "601s", "45", "45 s")
        ),
        *(
            (
                "default_recheck_mode",
                text,
                f"--default-recheck-mode: {text!r} is not one of SendEmail, Login, Connect",
            )
            for text in ("", "Envelope", "None")
        ),
        (
            "allow_smtp_port",
            "smtp",
            "--allow-smtp-port: 'smtp' is neither a port such as 587 nor a range such as 2525-2587",
        ),
        ("allow_smtp_port", "600-500", "--allow-smtp-port: '600-500' is not a range within 1-65535"),
        ("allow_smtp_port", "0", "--allow-smtp-port: '0' is not a range within 1-65535"),
        (
            "allow_network",
            "10.1.2.3/8",
            "--allow-network: '10.1.2.3/8' has bits set after its prefix; did you mean 10.0.0.0/8?",
        ),
        (
            "deny_network",
            "example.com",
            "--deny-network: 'example.com' is not a network such as 192.0.2.0/24 or 2001:db8::/32",
        ),
        (
            "allow_authority_host",
            "https://login.example.com",
            "--allow-authority-host: 'https://login.example.com' is not a host such as"
            " login.example.com, without scheme, port or path",
        ),
        (
            "allow_recipient_domain",
            "*.example.com",
            "--allow-recipient-domain: '*.example.com' is not a mail domain such as example.com",
        ),
        (
            "require_allowed_servers",
            "maybe",
            "--require-allowed-servers: 'maybe' is neither true nor false",
        ),
        ("secret_watch", "all", "--secret-watch: 'all' is not one of metadata, label, none"),
        (
            "cluster_name",
            "a\nb",
            "--cluster-name: 'a\\nb' must be one line of at most 253 characters",
        ),
        ("helo_name", "my host", "--helo-name: 'my host' is not a host name such as mail.example.com"),
        (
            "health_address",
            "8081",
            "--health-address: '8081' is not an address such as :8081 or 127.0.0.1:8081",
        ),
        (
            "health_address",
            "localhost:8081",
            "--health-address: 'localhost:8081' has a host that is not an IP address",
        ),
        (
            "lease_name",
            "My_Lease",
            "--lease-name: 'My_Lease' is not a name of an object, such as smtp-operator",
        ),
        ("log_format", "xml", "--log-format: 'xml' is not one of json, text"),
    ],
)
def test_a_wrong_value_is_named_with_its_flag(name: str, text: str, complaint: str) -> None:
    with pytest.raises(InvalidSetting) as caught:
        read_settings({name: [text]}, {})
    assert str(caught.value) == complaint


def test_a_wrong_value_is_named_with_its_variable() -> None:
    with pytest.raises(InvalidSetting) as caught:
        read_settings({}, {"SMTP_OPERATOR_LOG_FORMAT": "xml"})
    assert str(caught.value) == "SMTP_OPERATOR_LOG_FORMAT: 'xml' is not one of json, text"


def test_all_namespaces_and_one_namespace_exclude_each_other() -> None:
    with pytest.raises(InvalidSetting) as caught:
        read_settings({"all_namespaces": ["true"], "namespaces": ["team-a"]}, {})
    assert str(caught.value) == "--all-namespaces and --namespace exclude each other: set only one of them"


def test_all_namespaces_as_a_flag_wins_over_the_variable_of_namespaces() -> None:
    settings = read_settings({"all_namespaces": ["true"]}, {"SMTP_OPERATOR_NAMESPACE": "team-a"})
    assert settings.cluster_wide


def test_a_namespace_as_a_flag_wins_over_the_variable_of_all_namespaces() -> None:
    settings = read_settings({"namespaces": ["team-a"]}, {"SMTP_OPERATOR_ALL_NAMESPACES": "true"})
    assert settings.namespaces == ("team-a",)


def test_some_namespaces_cannot_be_excluded_from_single_ones() -> None:
    with pytest.raises(InvalidSetting) as caught:
        read_settings({"exclude_namespace": ["team-a"], "namespaces": ["team-b"]}, {})
    assert str(caught.value) == "--exclude-namespace and --namespace exclude each other: set only one of them"


def test_nor_where_both_stand_in_the_environment() -> None:
    environment = {"SMTP_OPERATOR_EXCLUDE_NAMESPACE": "team-a", "SMTP_OPERATOR_NAMESPACE": "team-b"}
    with pytest.raises(InvalidSetting) as caught:
        read_settings({}, environment)
    assert str(caught.value) == "--exclude-namespace and --namespace exclude each other: set only one of them"


def test_excluded_namespaces_as_a_flag_win_over_the_variable_of_namespaces() -> None:
    settings = read_settings({"exclude_namespace": ["team-a"]}, {"SMTP_OPERATOR_NAMESPACE": "team-b"})
    assert (settings.namespaces, settings.exclude_namespace) == ((), ("team-a",))


def test_a_namespace_as_a_flag_wins_over_all_that_the_environment_says_of_all_namespaces() -> None:
    environment = {"SMTP_OPERATOR_ALL_NAMESPACES": "true", "SMTP_OPERATOR_EXCLUDE_NAMESPACE": "team-b"}
    settings = read_settings({"namespaces": ["team-a"]}, environment)
    assert settings == Settings(namespaces=("team-a",))


def test_all_namespaces_as_a_flag_leave_the_variable_of_excluded_ones() -> None:
    environment = {"SMTP_OPERATOR_NAMESPACE": "team-a", "SMTP_OPERATOR_EXCLUDE_NAMESPACE": "team-b"}
    settings = read_settings({"all_namespaces": ["true"]}, environment)
    assert settings == Settings(all_namespaces=True, exclude_namespace=("team-b",))


def test_an_empty_variable_excludes_nothing() -> None:
    assert read_settings({}, {"SMTP_OPERATOR_EXCLUDE_NAMESPACE": ""}) == Settings()


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        (Settings(), "all namespaces"),
        (Settings(namespaces=("team-a", "team-b")), "team-a, team-b"),
        (Settings(exclude_namespace=("team-a", "team-*")), "all namespaces except team-a, team-*"),
    ],
)
def test_which_namespaces_are_served_is_said_in_words(settings: Settings, text: str) -> None:
    assert str(settings.served) == text


@pytest.mark.parametrize(
    ("settings", "namespace", "served"),
    [
        (Settings(), "team-a", True),
        (Settings(namespaces=("team-a", "team-b")), "team-b", True),
        (Settings(namespaces=("team-a", "team-b")), "team-c", False),
        (Settings(exclude_namespace=("team-a",)), "team-a", False),
        (Settings(exclude_namespace=("team-a",)), "team-ab", True),
        (Settings(exclude_namespace=("team-a",)), "my-team-a", True),
        (Settings(exclude_namespace=("team-*",)), "team-", False),
        (Settings(exclude_namespace=("team-*",)), "team-a-b", False),
        (Settings(exclude_namespace=("team-*",)), "team", True),
        (Settings(exclude_namespace=("*-test",)), "team-a-test", False),
        (Settings(exclude_namespace=("*-test",)), "team-a-tests", True),
        (Settings(exclude_namespace=("a*b*c",)), "abc", False),
        (Settings(exclude_namespace=("team-a", "team-b")), "team-b", False),
    ],
)
def test_which_namespaces_are_served(settings: Settings, namespace: str, served: bool) -> None:
    assert settings.served.serves(namespace) is served


@pytest.mark.parametrize("of_the_cluster", [None, ""])
def test_what_has_no_namespace_is_served_always(of_the_cluster: str | None) -> None:
    assert Settings(exclude_namespace=("*a*",)).served.serves(of_the_cluster)


@pytest.mark.parametrize("flag", [it for it in FLAGS if it.default], ids=lambda it: it.option)
def test_every_default_reads_as_it_is_written(flag: CommandLineFlag) -> None:
    read = read_settings({flag.name: [flag.default]}, {})
    assert getattr(read, flag.name) == getattr(Settings(), flag.name)


def test_variables_are_named_as_their_flags() -> None:
    names = {flag.option: flag.variable for flag in FLAGS}
    assert names["--allow-network"] == "SMTP_OPERATOR_ALLOW_NETWORK"
    assert names["--namespace"] == "SMTP_OPERATOR_NAMESPACE"


@pytest.mark.parametrize(
    ("address", "text"),
    [
        (ListenAddress("", 8081), ":8081"),
        (ListenAddress("127.0.0.1", 8081), "127.0.0.1:8081"),
        (ListenAddress("::1", 8081), "[::1]:8081"),
    ],
)
def test_an_address_is_written_as_it_is_given(address: ListenAddress, text: str) -> None:
    assert str(address) == text


@pytest.mark.parametrize(("port", "inside"), [(2499, False), (2500, True), (2599, True), (2600, False)])
def test_a_range_includes_both_ends(port: int, inside: bool) -> None:
    assert (port in PortRange(2500, 2599)) is inside
