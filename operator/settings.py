# SPDX-License-Identifier: Apache-2.0
"""The operator's settings: one table from which flags, environment variables and reference are generated.

A setting is a field of ``Settings``. Its flag is the field's name with dashes, its environment variable is
``SMTP_OPERATOR_`` and the name in capitals. The parser in its metadata defines the accepted texts.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints

from smtp_operator.api.defaults import TEST_DEFAULTS, TestDefaults
from smtp_operator.api.verdict import RECHECK_MODES, Mode
from smtp_operator.setting_parsers import (
    DEFAULT_IMAP_PORTS,
    DEFAULT_SMTP_PORTS,
    ListenAddress,
    LogFormat,
    LogLevel,
    Network,
    PortRange,
    SecretWatch,
    ServedNamespaces,
    connections,
    domain,
    host,
    limit,
    line_of_text,
    listen_address,
    namespace_name,
    namespace_pattern,
    network,
    object_name,
    one_of,
    optional_host,
    ports,
    proxy_exception,
    proxy_url,
    recheck_interval,
    recheck_mode,
    site_url,
    test_timeout,
    truth,
)

ENVIRONMENT_PREFIX: Final = "SMTP_OPERATOR_"


class InvalidSetting(ValueError):
    """A flag or environment variable has an invalid value. The text is one line and names it."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Properties of a setting in addition to its name, type and default."""

    help: str
    """Help text, including the unit."""
    parse: Callable[[str], Any]
    """Parses the text of one value; a ValueError's text continues the sentence after the value."""
    placeholder: str = ""
    """Name of the value in the help; empty: the value is optional."""
    option: str = ""
    """The flag, if it is not named like the field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The operator's settings. With all defaults it is a working cluster-wide operator."""

    all_namespaces: Annotated[
        bool,
        Setting("Serve the SmtpConfigs of all namespaces; the default without --namespace.", truth),
    ] = False
    namespaces: Annotated[
        tuple[str, ...],
        Setting("Serve only this namespace.", namespace_name, "NAME", option="--namespace"),
    ] = ()
    exclude_namespace: Annotated[
        tuple[str, ...],
        Setting(
            "Do not serve this namespace, or the namespaces that match a pattern such as team-*. The operator"
            " ignores SmtpConfigs and SmtpVaults there, but reads Secrets and ConfigMaps that a"
            " ClusterSmtpVault names. Cannot be combined with --namespace.",
            namespace_pattern,
            "NAME",
        ),
    ] = ()
    kubeconfig: Annotated[
        str,
        Setting(
            "Kubeconfig file of the cluster; default: KUBECONFIG, else the Pod's ServiceAccount, else"
            " ~/.kube/config.",
            str,
            "FILE",
        ),
    ] = ""
    context: Annotated[
        str, Setting("Context of the kubeconfig file; default: its current context.", str, "NAME")
    ] = ""
    max_connections_per_destination: Annotated[
        int,
        Setting(
            "Most simultaneous connections to one address and port; SmtpTests use at most half of them, at"
            " least one. The wait for a free connection does not count towards spec.test.timeout.",
            connections,
            "NUMBER",
        ),
    ] = 5
    max_tests: Annotated[int, Setting("Most simultaneous tests; 0: no limit.", limit, "NUMBER")] = 400
    max_tests_per_namespace: Annotated[
        int,
        Setting(
            "Most simultaneous tests of one namespace; 0: no limit. A free slot goes to the namespace with"
            " the fewest running tests.",
            limit,
            "NUMBER",
        ),
    ] = 100
    max_emails_per_namespace: Annotated[
        int,
        Setting(
            "Most emails per minute of one namespace; each recipient counts as one. 0: no limit.",
            limit,
            "NUMBER",
        ),
    ] = 120
    max_emails_per_mailbox: Annotated[
        int,
        Setting(
            "Most emails per hour from one namespace to one mailbox, regardless of a +tag; 0: no limit.",
            limit,
            "NUMBER",
        ),
    ] = 600
    max_rejected_logins: Annotated[
        int,
        Setting(
            "Most rejected logins per hour of one user at one server, for one namespace; 0: no limit.",
            limit,
            "NUMBER",
        ),
    ] = 5
    max_smtptests_per_namespace: Annotated[
        int, Setting("Most SmtpTests of one namespace that start in a minute; 0: no limit.", limit, "NUMBER")
    ] = 10
    smtp_tests: Annotated[bool, Setting("Run SmtpTests with configRef; needs their policies.", truth)] = False
    publish: Annotated[
        bool,
        Setting("Write the Secrets of spec.publish; needs a role for Secrets, and its policies.", truth),
    ] = False
    default_recheck_interval: Annotated[
        str,
        Setting(
            "Time between two rechecks if spec.recheck.interval is not set; 0s: no rechecks. A new value"
            " applies to a SmtpConfig from its next scheduled test on.",
            recheck_interval,
            "DURATION",
        ),
    ] = TEST_DEFAULTS.recheck_interval
    default_recheck_mode: Annotated[
        Mode,
        Setting(
            "How deep a recheck goes if spec.recheck.mode is not set; never deeper than spec.test.mode.",
            recheck_mode,
            "|".join(RECHECK_MODES),
        ),
    ] = TEST_DEFAULTS.recheck_mode
    default_test_timeout: Annotated[
        str,
        Setting("Time limit of one test if spec.test.timeout is not set.", test_timeout, "DURATION"),
    ] = TEST_DEFAULTS.test_timeout
    allow_smtp_port: Annotated[
        tuple[PortRange, ...],
        Setting("Allowed ports of mail servers; ranges such as 2525-2587 are possible.", ports, "PORTS"),
    ] = DEFAULT_SMTP_PORTS
    allow_vault_port: Annotated[
        tuple[PortRange, ...],
        Setting("Allowed ports of vaults and token endpoints; ranges are possible.", ports, "PORTS"),
    ] = tuple(PortRange(port, port) for port in (443, 8200, 8443))
    allow_imap_port: Annotated[
        tuple[PortRange, ...], Setting("Allowed IMAP ports of mailboxes (spec.delivery).", ports, "PORTS")
    ] = DEFAULT_IMAP_PORTS
    allow_network: Annotated[
        tuple[Network, ...],
        Setting(
            "Allowed network of mail servers, mailboxes, vaults and token endpoints. If set, no other one is"
            " allowed. It also allows addresses that are denied by default: loopback, link-local, multicast"
            " and unspecified addresses, the API server and metadata services.",
            network,
            "CIDR",
        ),
    ] = ()
    deny_network: Annotated[
        tuple[Network, ...], Setting("Denied network; overrides --allow-network.", network, "CIDR")
    ] = ()
    allow_recipient_domain: Annotated[
        tuple[str, ...],
        Setting("Allowed domain of recipients; default: all domains.", domain, "DOMAIN"),
    ] = ()
    allow_authority_host: Annotated[
        tuple[str, ...],
        Setting(
            "Additional host that azureKeyVault.authorityHost may name; Entra ID's public clouds are always"
            " allowed. The host receives the credentials of vault objects.",
            host,
            "HOST",
        ),
    ] = ()
    allow_key_vault_host: Annotated[
        tuple[str, ...],
        Setting(
            "Additional host that azureKeyVault.vaultUrl may name, such as one of Azure Stack Hub;"
            " the hosts of Azure Key Vault are always allowed. The host receives tokens for its domain.",
            host,
            "HOST",
        ),
    ] = ()
    ca_file: Annotated[
        str,
        Setting(
            "File with additional trusted CA certificates (PEM), for mail servers, vaults and token endpoints"
            " without a caRef. Read at startup.",
            str,
            "FILE",
        ),
    ] = ""
    https_proxy: Annotated[
        str,
        Setting(
            "Proxy for vaults and token endpoints; proxy variables of the environment are ignored.",
            proxy_url,
            "URL",
        ),
    ] = ""
    no_proxy: Annotated[
        tuple[str, ...],
        Setting(
            "Vault or token endpoint to reach without the proxy: a host and its subdomains, an address, a"
            " network, or *.",
            proxy_exception,
            "HOST",
        ),
    ] = ()
    require_allowed_servers: Annotated[
        bool,
        Setting(
            "Use only Secrets and ServiceAccounts with the annotation smtp-operator.io/allowed-servers, which"
            " lists the servers that may receive their credentials.",
            truth,
        ),
    ] = False
    sender_authentication: Annotated[
        bool,
        Setting(
            "Read SPF, DMARC and MX records of the From domain from DNS, and report in the condition"
            " SenderAuthentication what is missing. Private domains such as example.internal are not looked"
            " up.",
            truth,
        ),
    ] = True
    secret_watch: Annotated[
        SecretWatch,
        Setting(
            "How to detect changes of Secrets, ConfigMaps and ServiceAccounts. metadata: watch the metadata"
            " of all of them. label: only of those labeled smtp-operator.io/watch=true. none: at the next"
            " recheck.",
            one_of(SecretWatch),
            "|".join(SecretWatch),
        ),
    ] = SecretWatch.METADATA
    cluster_name: Annotated[
        str, Setting("Name of the cluster in the subject and body of test emails.", line_of_text, "NAME")
    ] = ""
    docs_url: Annotated[
        str,
        Setting("Documentation site; Events of failures link to the page of the reason.", site_url, "URL"),
    ] = ""
    helo_name: Annotated[
        str,
        Setting(
            "Host name sent with EHLO if spec.heloName is not set; default: the domain of spec.from.",
            optional_host,
            "HOST",
        ),
    ] = ""
    leader_elect: Annotated[
        bool,
        Setting(
            "Work only while holding a Lease; stay on standby while another replica holds it."
            " Required if more than one replica can run; otherwise every replica sends every email.",
            truth,
        ),
    ] = False
    lease_name: Annotated[str, Setting("Name of the Lease.", object_name, "NAME")] = "smtp-operator"
    lease_namespace: Annotated[
        str,
        Setting(
            "Namespace of the Lease; default: POD_NAMESPACE, else that of the ServiceAccount or kubeconfig.",
            namespace_name,
            "NAME",
        ),
    ] = ""
    health_address: Annotated[
        ListenAddress | None,
        Setting(
            "Address that serves /healthz (liveness) and /readyz (readiness) over HTTP. :8081 listens on all"
            " addresses; empty disables it.",
            listen_address,
            "[HOST]:PORT",
        ),
    ] = None
    metrics_address: Annotated[
        ListenAddress | None,
        Setting(
            "Address that serves /metrics for Prometheus over HTTP. :8080 listens on all addresses; empty"
            " disables it.",
            listen_address,
            "[HOST]:PORT",
        ),
    ] = None
    metrics_object_names: Annotated[
        bool,
        Setting(
            "Show the names of objects and namespaces in the metrics. If false, --metrics-address serves only"
            " numbers, and alerts for single objects do not fire.",
            truth,
        ),
    ] = True
    log_format: Annotated[
        LogFormat, Setting("Format of log lines.", one_of(LogFormat), "|".join(LogFormat))
    ] = LogFormat.JSON
    log_level: Annotated[
        LogLevel,
        Setting("Lowest level of log lines to write.", one_of(LogLevel), "|".join(LogLevel)),
    ] = LogLevel.INFO
    debug: Annotated[bool, Setting("Show the traceback of an error that stops the program.", truth)] = False

    @property
    def cluster_wide(self) -> bool:
        """Return whether all namespaces are served."""
        return not self.namespaces

    @property
    def served(self) -> ServedNamespaces:
        """Return the namespaces whose SmtpConfigs and SmtpVaults are served."""
        return ServedNamespaces(self.namespaces, self.exclude_namespace)

    @property
    def test_defaults(self) -> TestDefaults:
        """Return the values for fields that a SmtpConfig leaves out."""
        return TestDefaults(
            recheck_interval=self.default_recheck_interval,
            recheck_mode=self.default_recheck_mode,
            test_timeout=self.default_test_timeout,
        )


@dataclass(frozen=True, slots=True)
class CommandLineFlag:
    """A setting as a command-line flag, for the parser and the documentation."""

    name: str
    """The field of ``Settings``."""
    option: str
    """For example ``--allow-network``."""
    variable: str
    """For example ``SMTP_OPERATOR_ALLOW_NETWORK``."""
    setting: Setting
    is_list: bool
    """The flag can be repeated; each value can be a comma-separated list."""
    default: str
    """The default as text; empty: none."""


def _flags() -> Iterator[CommandLineFlag]:
    hints = get_type_hints(Settings, include_extras=True)
    for it in fields(Settings):
        kind, setting = get_args(hints[it.name])
        option = setting.option or "--" + it.name.replace("_", "-")
        yield CommandLineFlag(
            name=it.name,
            option=option,
            variable=ENVIRONMENT_PREFIX + option.removeprefix("--").replace("-", "_").upper(),
            setting=setting,
            is_list=get_origin(kind) is tuple,
            default=_written(it.default),
        )


def _written(value: object) -> str:
    if isinstance(value, tuple) and not isinstance(value, ListenAddress | PortRange):
        return ",".join(map(str, value))
    if value is True:
        return "true"
    return "" if value is None or value is False else str(value)


FLAGS: Final = tuple(_flags())
"""All flags, in the order of the help."""
