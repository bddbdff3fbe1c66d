# SPDX-License-Identifier: Apache-2.0
"""The operator's settings: one table of which flags, environment variables and their reference are made.

A setting is a field of ``Settings``. Its flag is the field's name with dashes, its environment variable
``SMTP_OPERATOR_`` and the name in capitals; what its text may be is said by the parser in its metadata.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, fields
from typing import Annotated, Any, Final, get_args, get_origin, get_type_hints

from smtp_operator.setting_parsers import (
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
    truth,
)

ENVIRONMENT_PREFIX: Final = "SMTP_OPERATOR_"


class InvalidSetting(ValueError):
    """A flag or environment variable holds a value that it cannot have. The text is one line and names it."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What is to be known of a setting beside its name, type and default."""

    help: str
    """What it does, the unit included."""
    parse: Callable[[str], Any]
    """From the text of one value; a ValueError's text goes on where the value stopped."""
    placeholder: str = ""
    """Stands for the value in the help; empty: the flag may be given without one."""
    option: str = ""
    """The flag, where it is not named as the field."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an operator is told at its start. Every default is a cluster-wide operator that works."""

    all_namespaces: Annotated[
        bool,
        Setting(
            "Serve the SmtpConfigs of every namespace; the default where --namespace is not given.", truth
        ),
    ] = False
    namespaces: Annotated[
        tuple[str, ...],
        Setting("Serve this namespace only.", namespace_name, "NAME", option="--namespace"),
    ] = ()
    exclude_namespace: Annotated[
        tuple[str, ...],
        Setting(
            "Serve every namespace but this one, or those of a pattern such as team-*: another operator does."
            " SmtpConfigs and SmtpVaults there are not looked at; Secrets and ConfigMaps that a"
            " ClusterSmtpVault names there still are. Not together with --namespace.",
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
            "Connections at a time to one address and port; the time that a test waits for one does not"
            " count towards spec.test.timeout.",
            connections,
            "NUMBER",
        ),
    ] = 5
    max_tests: Annotated[int, Setting("Tests at a time; 0: no limit.", limit, "NUMBER")] = 400
    max_tests_per_namespace: Annotated[
        int,
        Setting(
            "Tests at a time of one namespace; a free place goes to the one with the fewest. 0: no limit.",
            limit,
            "NUMBER",
        ),
    ] = 100
    max_emails_per_namespace: Annotated[
        int,
        Setting(
            "Emails a minute of one namespace, each recipient counted as one; 0: no limit.", limit, "NUMBER"
        ),
    ] = 120
    max_emails_per_mailbox: Annotated[
        int,
        Setting(
            "Emails an hour from one namespace to one mailbox, whatever its +tag; 0: no limit.",
            limit,
            "NUMBER",
        ),
    ] = 600
    max_rejected_logins: Annotated[
        int,
        Setting(
            "Rejected logins an hour of one user at one server, for one namespace; 0: no limit.",
            limit,
            "NUMBER",
        ),
    ] = 5
    allow_smtp_port: Annotated[
        tuple[PortRange, ...],
        Setting(
            "Ports of mail servers that may be connected to; ranges such as 2525-2587 are allowed.",
            ports,
            "PORTS",
        ),
    ] = tuple(PortRange(port, port) for port in (25, 465, 587, 2465, 2525, 2587))
    allow_vault_port: Annotated[
        tuple[PortRange, ...],
        Setting(
            "Ports of vaults and token endpoints that may be connected to; ranges are allowed.",
            ports,
            "PORTS",
        ),
    ] = tuple(PortRange(port, port) for port in (443, 8200, 8443))
    allow_network: Annotated[
        tuple[Network, ...],
        Setting(
            "Network of mail servers, vaults and token endpoints that may be connected to. Once one is given"
            " nothing else is allowed, and what it names is, even where it is denied by default: loopback,"
            " link-local, multicast and unspecified addresses, the API server and metadata services.",
            network,
            "CIDR",
        ),
    ] = ()
    deny_network: Annotated[
        tuple[Network, ...],
        Setting("Network that is never connected to; wins over --allow-network.", network, "CIDR"),
    ] = ()
    allow_recipient_domain: Annotated[
        tuple[str, ...],
        Setting("Domain that test mails may be sent to; default: every domain.", domain, "DOMAIN"),
    ] = ()
    allow_authority_host: Annotated[
        tuple[str, ...],
        Setting(
            "Host that azureKeyVault.authorityHost may name beside those of Entra ID's public clouds; it is"
            " given the credentials of vault objects.",
            host,
            "HOST",
        ),
    ] = ()
    allow_key_vault_host: Annotated[
        tuple[str, ...],
        Setting(
            "Host that azureKeyVault.vaultUrl may name beside those of Azure Key Vault, such as one of Azure"
            " Stack Hub; it is given tokens for its own domain.",
            host,
            "HOST",
        ),
    ] = ()
    ca_file: Annotated[
        str,
        Setting(
            "File with CA certificates (PEM) that are trusted in addition to the system's: for mail servers,"
            " vaults and token endpoints that name no caRef. Read at the start.",
            str,
            "FILE",
        ),
    ] = ""
    https_proxy: Annotated[
        str,
        Setting(
            "Proxy by which vaults and token endpoints are reached; those of the environment are ignored.",
            proxy_url,
            "URL",
        ),
    ] = ""
    no_proxy: Annotated[
        tuple[str, ...],
        Setting(
            "Vault or token endpoint that is reached without the proxy: a host and all below it, an address,"
            " a network, or *.",
            proxy_exception,
            "HOST",
        ),
    ] = ()
    require_allowed_servers: Annotated[
        bool,
        Setting(
            "Use only Secrets and ServiceAccounts that name in the annotation"
            " smtp-operator.io/allowed-servers where what they give may be sent.",
            truth,
        ),
    ] = False
    secret_watch: Annotated[
        SecretWatch,
        Setting(
            "How changes of Secrets, ConfigMaps and ServiceAccounts are noticed: metadata watches the"
            " metadata of all; label of those labelled smtp-operator.io/watch=true; none leaves them to the"
            " next recheck.",
            one_of(SecretWatch),
            "|".join(SecretWatch),
        ),
    ] = SecretWatch.METADATA
    cluster_name: Annotated[
        str, Setting("Name of the cluster in subject and body of test mails.", line_of_text, "NAME")
    ] = ""
    helo_name: Annotated[
        str,
        Setting(
            "Name given with EHLO where spec.heloName is not set; default: the domain of spec.from.",
            optional_host,
            "HOST",
        ),
    ] = ""
    leader_elect: Annotated[
        bool,
        Setting(
            "Work only while holding a Lease, and stand by while another replica holds it. Needed wherever"
            " more than one may run, else each sends every mail.",
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
            "Address that serves /healthz (liveness) and /readyz (readiness) over HTTP; :8081 is every"
            " address, empty is none.",
            listen_address,
            "[HOST]:PORT",
        ),
    ] = None
    metrics_address: Annotated[
        ListenAddress | None,
        Setting(
            "Address that serves /metrics for Prometheus over HTTP; :8080 is every address, empty is none.",
            listen_address,
            "[HOST]:PORT",
        ),
    ] = None
    metrics_object_names: Annotated[
        bool,
        Setting(
            "Name objects and their namespaces in the metrics. With false everyone who can reach"
            " --metrics-address sees numbers only, and the alerts for single objects do not fire.",
            truth,
        ),
    ] = True
    log_format: Annotated[
        LogFormat, Setting("How log lines are written.", one_of(LogFormat), "|".join(LogFormat))
    ] = LogFormat.JSON
    log_level: Annotated[
        LogLevel,
        Setting("The least important lines that are written.", one_of(LogLevel), "|".join(LogLevel)),
    ] = LogLevel.INFO
    debug: Annotated[bool, Setting("Show the traceback of an error that ends the program.", truth)] = False

    @property
    def cluster_wide(self) -> bool:
        """Whether the SmtpConfigs of every namespace are served."""
        return not self.namespaces

    @property
    def served(self) -> ServedNamespaces:
        """Whose SmtpConfigs and SmtpVaults are served."""
        return ServedNamespaces(self.namespaces, self.exclude_namespace)


@dataclass(frozen=True, slots=True)
class CommandLineFlag:
    """One line of the table, as command line and documentation see it."""

    name: str
    """The field of ``Settings``."""
    option: str
    """Such as ``--allow-network``."""
    variable: str
    """Such as ``SMTP_OPERATOR_ALLOW_NETWORK``."""
    setting: Setting
    is_list: bool
    """May be given several times; each value may be a comma-separated list."""
    default: str
    """The default as one would write it; empty: none."""


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
"""Every setting, in the order of the help."""


def read_settings(given: Mapping[str, Sequence[str]], environment: Mapping[str, str]) -> Settings:
    """Settings from the command line, else from the environment, else their defaults.

    Args:
        given: by field name, the texts that flags were given; a flag takes the place of its variable.
        environment: the process's environment; what the table does not know is ignored.

    Raises:
        InvalidSetting: a value is not possible; the text names the flag or variable.
    """
    values: dict[str, Any] = {}
    for flag in FLAGS:
        if flag.name in given:
            values[flag.name] = _parse(flag, flag.option, given[flag.name])
        elif flag.variable in environment:
            values[flag.name] = _parse(flag, flag.variable, [environment[flag.variable]])
    _choose_scope(values, given.keys())
    return Settings(**values)


def _choose_scope(values: dict[str, Any], by_flag: Set[str]) -> None:
    """Leaves what speaks of single namespaces or what speaks of all of them.

    One on the command line takes the place of the other in the environment.
    """
    of_all = {name for name in ("all_namespaces", "exclude_namespace") if values.get(name)}
    if not of_all or not values.get("namespaces"):
        return
    if ("namespaces" in by_flag) == bool(of_all & by_flag):
        other = next(flag.option for flag in FLAGS if flag.name in (of_all & by_flag or of_all))
        raise InvalidSetting(f"{other} and --namespace exclude each other: give one of them")
    for name in of_all if "namespaces" in by_flag else {"namespaces"}:
        del values[name]


def _parse(flag: CommandLineFlag, source: str, texts: Sequence[str]) -> Any:
    if flag.is_list:
        # Empty on the command line is a mistake, such as a shell's variable that is not set.
        nothing = [""] if source == flag.option else []
        return tuple(_parse_one(flag, source, item) for text in texts for item in _items(text) or nothing)
    return _parse_one(flag, source, texts[-1].strip())


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def _parse_one(flag: CommandLineFlag, source: str, text: str) -> Any:
    try:
        return flag.setting.parse(text)
    except ValueError as error:
        raise InvalidSetting(f"{source}: {text!r} {error}") from None
