# SPDX-License-Identifier: Apache-2.0
"""Read the credentials of a vault object for its provider, each only for an allowed destination."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from urllib.parse import urlsplit

from smtp_operator.api.errors import ObjectNotFound
from smtp_operator.api.fields import CaReference, SecretKeyReference, ServiceAccountReference, namespace_of
from smtp_operator.api.objects import JsonObject, Reference
from smtp_operator.api.vaultobject import CERTIFICATE_KEYS, NamedReference, VaultObject
from smtp_operator.api.verdict import Phase, VerdictError
from smtp_operator.network.tls import ClientCertificate
from smtp_operator.network.trust import ServerTrust
from smtp_operator.secrets.allowed_servers import check_destination
from smtp_operator.secrets.bindings import bindings_of, server_trust
from smtp_operator.secrets.interfaces import Destination, GetObject, ReadObject
from smtp_operator.secrets.secret_reader import LONGEST_LINE, LONGEST_TOKEN, SecretReader
from smtp_operator.secrets.service_accounts import (
    AccountUse,
    Note,
    ServiceAccounts,
    account_token,
    allowed_account,
    existing_account,
)


class VaultCredentials:
    """Reads the credentials on each call; keeps only which version was read."""

    def __init__(
        self,
        vault: VaultObject,
        *,
        get_object: GetObject,
        accounts: ServiceAccounts,
        now: Callable[[], float],
        require_allowed_servers: bool,
    ) -> None:
        """``now`` returns seconds since the epoch."""
        self._vault = vault
        self._get_object = get_object
        self._accounts = accounts
        self._now = now
        self._required = require_allowed_servers
        self._read: dict[Reference, ReadObject] = {}

    @property
    def read_objects(self) -> Mapping[Reference, ReadObject]:
        """Return the objects that were read, in the version at that time; None for missing ones."""
        return dict(self._read)

    async def secret(self, named: SecretKeyReference, *, goes_to: str, field_path: str) -> str:
        """See ``Credentials``."""
        secret = Reference("Secret", self._namespace(named), named.name)
        values = self._values((named.key,))
        at_most = LONGEST_TOKEN if field_path.endswith("tokenRef") else LONGEST_LINE
        line = await values.line(secret, named.key, field_path=field_path, at_most=at_most)
        self._check(await values.get(secret, field_path=field_path), goes_to)
        return line.text

    async def client_certificate(self, name: str, *, goes_to: str, field_path: str) -> ClientCertificate:
        """See ``Credentials``. The namespace is that of the reference."""
        (secret,) = {it.reference for it in self._vault.references() if it.field_path == field_path}
        values = self._values(CERTIFICATE_KEYS)
        certificate = await values.client_certificate(secret, field_path=field_path)
        self._check(await values.get(secret, field_path=field_path), goes_to)
        return certificate

    async def service_account_token(
        self, named: ServiceAccountReference, *, goes_to: str, field_path: str
    ) -> str:
        """See ``Credentials``."""
        use = self._use(self._namespace(named), named.name, named.audience, field_path)
        found = await allowed_account(self._accounts, use, lambda account, it: self._note(account, it, ()))
        self._check(found, goes_to)
        return await account_token(self._accounts, use)

    async def trust(self) -> ServerTrust:
        """See ``Credentials``."""
        named, pem = self._vault.spec.ca_ref, None
        if named is not None:
            bundle = Reference(named.kind, self._namespace(named), named.name)
            pem = await self._values((named.key,)).bundle(bundle, named.key, field_path="caRef")
        field = f"caRef of {self._vault.reference}"
        return server_trust(pem, bindings_of(await self._holders()), field=field)

    async def _holders(self) -> list[JsonObject]:
        """Return the objects with the credentials; read those that were not read before."""
        found = []
        for named in self._named().values():
            read = self._read.get(named.reference)
            if read is None:
                with suppress(VerdictError):  # the login reports it
                    found.append(await self._holder(named))
            elif read.object_ is not None:
                found.append(read.object_)
        return found

    def _named(self) -> dict[Reference, NamedReference]:
        return {it.reference: it for it in self._vault.credentials()}

    async def check_mail_server(self, destination: Destination) -> None:
        """Refuse a mail server or vault that the annotation of a login credential does not list.

        The annotation is read each time: a cached login may be older.

        Raises:
            VerdictError, ApiUnavailable
        """
        for named in self._named().values():
            holder = await self._holder(named)
            needed = (*map(_place, self._vault.urls), (destination.server, destination.port))
            try:
                self._check(holder, *self._vault.urls, needed=needed)
                check_destination(
                    holder,
                    server=destination.server,
                    port=destination.port,
                    verified_tls=destination.verified_tls,
                    required=self._required,
                    purpose=self._purpose,
                )
            except VerdictError:
                self._note(named.reference, holder, ())  # the refusal depends on this version
                raise

    async def _holder(self, named: NamedReference) -> JsonObject:
        """Return a credential's current object; record it only if missing: the login records the rest.

        Raises:
            VerdictError, ApiUnavailable
        """

        def note(reference: Reference, found: JsonObject | None) -> None:
            if found is None:
                self._note(reference, None, ())

        if named.reference.kind == "ServiceAccount":
            use = self._use(named.reference.namespace, named.reference.name, "", named.field_path)
            return await existing_account(self._accounts, use, note)
        return await self._reader(note).get(named.reference, field_path=named.field_path)

    def _use(self, namespace: str, name: str, audience: str, field_path: str) -> AccountUse:
        return AccountUse(
            namespace=namespace,
            name=name,
            audience=audience,
            field_path=field_path,
            owner=str(self._vault.reference),
            phase=Phase.PASSWORD,
        )

    def _namespace(self, named: SecretKeyReference | ServiceAccountReference | CaReference) -> str:
        return namespace_of(named, self._vault.reference.namespace)

    def _values(self, data_keys: tuple[str, ...]) -> SecretReader:
        return self._reader(lambda reference, found: self._note(reference, found, data_keys), data_keys)

    def _reader(self, note: Note, data_keys: tuple[str, ...] = ()) -> SecretReader:
        """Return a reader of these keys that reports each object that it reads to ``note``."""

        async def get(reference: Reference) -> JsonObject:
            try:
                found = await self._get_object(reference)
            except ObjectNotFound:
                note(reference, None)
                raise
            note(reference, found)
            return found

        return SecretReader(get, owner=str(self._vault.reference), keys=lambda _: data_keys)

    def _note(self, reference: Reference, found: JsonObject | None, data_keys: tuple[str, ...]) -> None:
        before = self._read.get(reference)
        keys = dict.fromkeys((*(before.data_keys if before else ()), *data_keys))
        kept = None if found is None else {"kind": found.get("kind"), "metadata": found["metadata"]}
        self._read[reference] = ReadObject(object_=kept, at=self._now(), data_keys=tuple(keys))

    @property
    def _purpose(self) -> str:
        return f", which {self._vault.reference} uses to log in,"

    def _check(self, holder: JsonObject, *urls: str, needed: tuple[tuple[str, int], ...] = ()) -> None:
        """Refuse a credential that does not list all places that receive the login or its results."""
        places = tuple(map(_place, (*urls, *self._vault.urls)))
        for server, port in dict.fromkeys(places):
            check_destination(
                holder,
                server=server,
                port=port,
                verified_tls=True,
                required=self._required,
                otherwise=f"set the URLs of {self._vault.reference} to entries of the annotation",
                purpose=self._purpose,
                needed=needed or places,
            )


def _place(url: str) -> tuple[str, int]:
    """Return host and port of a URL."""
    place = urlsplit(url)
    return place.hostname or "", place.port or 443
