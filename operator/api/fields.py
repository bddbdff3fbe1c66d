# SPDX-License-Identifier: Apache-2.0
"""The common parts of all specs: base model, field types and references."""

from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, Literal

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    Strict,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import core_schema

from smtp_operator.api.validation_rules import HTTPS_URL, NO_QUERY_OR_FRAGMENT, ONE_LINE, FieldRule


class ApiModel(BaseModel):
    """Base of all parts of a spec. The API server (CEL) and pydantic check the same ``rules``.

    The rest is the same on both sides too: types are not converted, fields have exactly one name, and a null
    counts as an omitted field.
    """

    model_config = ConfigDict(
        alias_generator=to_camel,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,  # an error must never show password.value
    )

    rules: ClassVar[tuple[FieldRule, ...]] = ()

    @model_validator(mode="before")
    @classmethod
    def _omit_nulls(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        if None not in data.values():
            return data
        fields = {field.alias for field in cls.model_fields.values()}
        return {name: value for name, value in data.items() if value is not None or name not in fields}

    @model_validator(mode="after")
    def _check_rules(self) -> "ApiModel":
        for rule in self.rules:
            if not rule.holds(self):
                raise rule.violation
        return self

    @classmethod
    def __get_pydantic_json_schema__(
        cls, schema: core_schema.CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        json_schema = handler.resolve_ref_schema(handler(schema))
        for rule in cls.rules:
            rule.added_to(json_schema)
        return json_schema


_OBJECT_NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$"
_NAMESPACE_NAME = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"
_DATA_KEY = r"^[-._a-zA-Z0-9]+$"


def _whole_number(value: Any) -> Any:
    # JSON has one type of number: for the API server 587.0 is 587.
    return int(value) if isinstance(value, float) and value.is_integer() else value


Switch = Annotated[bool, Strict()]
Port = Annotated[int, Field(ge=1, le=65535), Strict(), BeforeValidator(_whole_number)]

ObjectName = Annotated[str, Field(min_length=1, max_length=253, pattern=_OBJECT_NAME)]
DataKey = Annotated[str, Field(min_length=1, max_length=253, pattern=_DATA_KEY)]
NamespaceName = Annotated[str, Field(min_length=1, max_length=63, pattern=_NAMESPACE_NAME)]
HttpsUrl = Annotated[str, Field(min_length=1, max_length=2048), HTTPS_URL, NO_QUERY_OR_FRAGMENT]
Line128 = Annotated[str, Field(min_length=1, max_length=128), ONE_LINE]
Line256 = Annotated[str, Field(min_length=1, max_length=256), ONE_LINE]
Audience = Annotated[str, Field(min_length=1, max_length=253), ONE_LINE]


class CaReference(ApiModel):
    """The only trusted CA: a PEM bundle in a ConfigMap or Secret of this namespace."""

    kind: Literal["Secret", "ConfigMap"] = Field("ConfigMap", description="Secret or ConfigMap.")
    name: ObjectName = Field(description="Name of the object.")
    key: DataKey = Field("ca.crt", description="Key that holds the PEM bundle.")


class SecretKeyReference(ApiModel):
    """A key of a Secret of this namespace."""

    name: ObjectName = Field(description="Name of the Secret.")
    key: DataKey = Field(description="Key in the Secret.")


class ServiceAccountReference(ApiModel):
    """A ServiceAccount of this namespace. Its token replaces a client secret."""

    name: ObjectName = Field(description="Name of the ServiceAccount.")
    audience: Audience = Field(
        "api://AzureADTokenExchange",
        description="Audience of the requested token. The ServiceAccount must list it in its annotation"
        " smtp-operator.io/allowed-audiences. The operator refuses audiences of the API server.",
    )


class ClientCertificateReference(ApiModel):
    """The client certificate: a Secret of type kubernetes.io/tls in this namespace."""

    name: ObjectName = Field(description="Name of the Secret.")


class NamespacedSecretKeyReference(SecretKeyReference):
    """A key of a Secret."""

    namespace: NamespaceName = Field(description="Namespace of the Secret.")


class NamespacedCaReference(CaReference):
    """The only trusted CA: a PEM bundle in a ConfigMap or Secret."""

    namespace: NamespaceName = Field(description="Namespace of the object.")


class NamespacedClientCertificateReference(ClientCertificateReference):
    """The client certificate: a Secret of type kubernetes.io/tls."""

    namespace: NamespaceName = Field(description="Namespace of the Secret.")


def namespace_of(reference: ApiModel, otherwise: str) -> str:
    """Return the namespace of a reference; ``otherwise`` if the reference has none."""
    return str(getattr(reference, "namespace", otherwise))


def spec_problems(error: ValidationError) -> list[str]:
    """Return the errors of a spec, one line per field: ``spec.port: Input should be …``; no values."""
    return [
        f"{field_path(('spec', *problem['loc']))}: {problem['msg']}"
        for problem in error.errors(include_url=False, include_input=False, include_context=False)
    ]


def field_path(location: Iterable[int | str]) -> str:
    """Return the path of a field, such as ``recipients.cc[0]``; empty for an empty location."""
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in location)
    return "".join(parts).removeprefix(".")
