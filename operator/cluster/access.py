# SPDX-License-Identifier: Apache-2.0
"""Find the cluster, and the credentials for it."""

import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

import yaml
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.config import incluster_config
from kubernetes.aio.config.config_exception import ConfigException
from kubernetes.aio.config.kube_config import KubeConfigLoader, KubeConfigMerger

from smtp_operator.cluster.errors import ClusterUnknown
from smtp_operator.settings import Settings

SERVICE_ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class _Loader(Protocol):
    async def load_and_set(self, client_configuration: Configuration) -> None:
        """Read the credentials again: a token file, or the output of a plug-in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessOverrides:
    """Replacements for parts of a kubeconfig: the global flags of kubectl with the same names."""

    cluster: str = ""
    user: str = ""
    token: str = field(default="", repr=False)
    impersonate: str = ""
    groups: tuple[str, ...] = ()
    insecure_skip_tls_verify: bool = False
    request_timeout: float | None = None
    """Seconds for a single request; None: the timeout of each request."""


class Access:
    """Configuration of a connection; a ServiceAccount's token is read again as it rotates."""

    def __init__(
        self, configuration: Configuration, loader: _Loader | None, origin: str, *, namespace: str = "default"
    ) -> None:
        self.configuration = configuration
        self.origin = origin
        """Source of the configuration, such as ``kubeconfig FILE``; for the log."""
        self.namespace = namespace
        """The default namespace."""
        self.headers: tuple[tuple[str, str], ...] = ()
        """Headers of each request, such as those of impersonation."""
        self.request_timeout: float | None = None
        """Seconds for a single request; None: the timeout of each request."""
        self._loader = loader

    async def renew(self) -> None:
        """Read the credentials of a kubeconfig again, after the API server has rejected them.

        A Pod's credentials need no renewal here: they are read again every minute.
        """
        if self._loader is not None:
            await self._loader.load_and_set(self.configuration)

    def forget_credentials(self) -> None:
        """Keep the current credentials: those of the kubeconfig do not count any more."""
        self._loader = None

    async def authorization(self) -> str | None:
        """Return the current value of the Authorization header; None if a client certificate is used."""
        value = await self.configuration.get_api_key_with_prefix("BearerToken")
        return None if value is None else str(value).strip()  # token files often end with a newline


async def find_access(
    settings: Settings, environment: Mapping[str, str], overrides: AccessOverrides | None = None
) -> Access:
    """Find the cluster: ``--kubeconfig``/``--context``, KUBECONFIG, the ServiceAccount, or ~/.kube/config.

    ``overrides`` replace parts of what was found.

    Raises:
        ClusterUnknown: none of them exists, or the first that exists is unusable; the text says why.
    """
    named = settings.kubeconfig or environment.get("KUBECONFIG", "")
    home = _existing(str(Path(environment.get("HOME", "~"), ".kube", "config")))
    if not named and not settings.context and environment.get("KUBERNETES_SERVICE_HOST"):
        return _overridden(_access_of_pod(), overrides or AccessOverrides())
    if not named and not home:
        raise ClusterUnknown("no cluster to connect to: give --kubeconfig, set KUBECONFIG, or run in a Pod")
    overrides = overrides or AccessOverrides()
    access = await _access_of_kubeconfig(named or home, settings.context, overrides)
    return _overridden(access, overrides)


def _overridden(access: Access, overrides: AccessOverrides) -> Access:
    configuration = access.configuration
    if overrides.token:
        configuration.api_key["BearerToken"] = f"Bearer {overrides.token}"
        configuration.refresh_api_key_hook = None
        access.forget_credentials()
    if overrides.insecure_skip_tls_verify:
        configuration.verify_ssl = False
    if overrides.impersonate:
        groups = [("Impersonate-Group", group) for group in overrides.groups]
        access.headers = (("Impersonate-User", overrides.impersonate), *groups)
    access.request_timeout = overrides.request_timeout
    return access


def _existing(paths: str) -> str:
    """Return the files of a KUBECONFIG-like list that exist."""
    expanded = (Path(path).expanduser() for path in paths.split(os.pathsep) if path)
    return os.pathsep.join(str(path) for path in expanded if path.is_file())


def _access_of_pod() -> Access:
    configuration = Configuration()
    try:
        incluster_config.load_incluster_config(client_configuration=configuration)
    except (ConfigException, OSError) as error:
        raise ClusterUnknown(
            f"the Pod's ServiceAccount in {SERVICE_ACCOUNT} cannot be used: {error}"
        ) from error
    namespace = Path(incluster_config.SERVICE_TOKEN_FILENAME).with_name("namespace")
    try:
        own = namespace.read_text(encoding="utf-8").strip()
    except OSError:
        own = ""
    return Access(configuration, None, "ServiceAccount of the Pod", namespace=own or "default")


async def _access_of_kubeconfig(path: str, context: str, overrides: AccessOverrides) -> Access:
    origin = f"kubeconfig {path}"
    if not _existing(path):
        raise ClusterUnknown(f"{origin}: no such file")
    configuration = Configuration()
    try:
        merged = KubeConfigMerger(path).config
        if overrides.cluster or overrides.user:
            chosen = merged["contexts"].get_with_name(context or merged["current-context"])["context"].value
            chosen |= {"cluster": overrides.cluster} if overrides.cluster else {}
            chosen |= {"user": overrides.user} if overrides.user else {}
        loader = KubeConfigLoader(config_dict=merged, active_context=context or None, config_base_path=None)
        await loader.load_and_set(configuration)
    except ConfigException as error:
        # After the first brace, the text may quote a user's token.
        raise ClusterUnknown(f"{origin}: {str(error).partition('{')[0]}") from None
    except yaml.YAMLError:  # its text may quote a token
        raise ClusterUnknown(f"{origin}: is not YAML") from None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ssl.SSLError) as error:
        raise ClusterUnknown(f"{origin}: is not a usable kubeconfig ({type(error).__name__})") from error
    namespace = loader.current_context["context"].get("namespace") or "default"
    return Access(configuration, loader, origin, namespace=str(namespace))
