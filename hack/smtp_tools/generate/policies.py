# SPDX-License-Identifier: Apache-2.0
"""ValidatingAdmissionPolicies, made from the models: whoever names something must be allowed it himself.

Three facts about them cost time. One look at the authorizer costs 350,000 of the 1,000,000 that an expression
may cost, so each reference has a validation of its own. A messageExpression may not use the authorizer. And
they are asked only when spec changed, else nobody but the writer could edit a label.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from smtp_operator.api import names
from smtp_operator.api.crd import KINDS, SMTP_CONFIG, CustomResource
from smtp_operator.api.fields import (
    CaReference,
    ClientCertificateReference,
    SecretKeyReference,
    ServiceAccountReference,
)
from smtp_operator.api.password import PasswordReference, UserNameReference, VaultReference

Object = dict[str, Any]

SECRETS: Final = (SecretKeyReference, ClientCertificateReference, PasswordReference, UserNameReference)

_SPEC_CHANGED: Final = "oldObject == null || object.spec != oldObject.spec"


@dataclass(frozen=True, slots=True)
class Right:
    """What the requester must be allowed to do with an object.

    Attributes:
        verb: as RBAC knows it.
        resource: CEL that asks the authorizer about the objects of that kind.
        refusal: begins the sentence that refuses; the object's name follows.
        purpose: ends it.
    """

    verb: str
    resource: str
    refusal: str
    purpose: str


@dataclass(frozen=True, slots=True)
class NamedObject:
    """One field of a spec that names another object.

    Attributes:
        path: of the field, such as ``spec.password.secretRef``.
        optional: the parts of the path that need not be there, from the left.
        model: what the reference is.
        namespaced: whether the object is one of the requester's namespace, else the reference names it.
    """

    path: str
    optional: tuple[str, ...]
    model: type[BaseModel]
    namespaced: bool

    def validation(self) -> Object:
        """The rule that the requester may do himself what he has the operator do."""
        conditions = [f"!has(object.{part})" for part in self.optional]
        if issubclass(self.model, CaReference):  # a ConfigMap is no secret
            conditions.append(f"object.{self.path}.kind != 'Secret'")
        right = self._right()
        conditions.append(f"{right.resource}.name(object.{self.path}.name).check('{right.verb}').allowed()")
        return {
            "expression": "\n|| ".join(conditions),
            "message": f"{right.refusal} that {self.path} names{right.purpose}",
            "messageExpression": (
                f'"{right.refusal} " + {self._name()} + " that {self.path} names{right.purpose}"'
            ),
            "reason": "Forbidden",
        }

    def _right(self) -> Right:
        namespace = "object.metadata.namespace" if self.namespaced else f"object.{self.path}.namespace"
        if issubclass(self.model, VaultReference):
            ours = f"authorizer.group('{names.GROUP}')"
            return Right(
                verb="use",
                resource=f"(object.{self.path}.kind == '{names.CLUSTER_SMTP_VAULT_KIND}'"
                f" ? {ours}.resource('{names.CLUSTER_SMTP_VAULT_PLURAL}')"
                f" : {ours}.resource('{names.SMTP_VAULT_PLURAL}').namespace({namespace}))",
                refusal="you may not use the vault",
                purpose=": ask for the verb use on it",
            )
        core = "authorizer.group('')"
        if issubclass(self.model, ServiceAccountReference):
            return Right(
                verb="create",
                resource=f"{core}.resource('serviceaccounts').subresource('token').namespace({namespace})",
                refusal="you may not create tokens of the ServiceAccount",
                purpose=", so you may not have one sent anywhere",
            )
        return Right(
            verb="get",
            resource=f"{core}.resource('secrets').namespace({namespace})",
            refusal="you may not get the Secret",
            purpose=", so you may not have it sent anywhere",
        )

    def _name(self) -> str:
        here = f"object.{self.path}"
        if issubclass(self.model, VaultReference):
            return f'{here}.kind + "/" + {here}.name'
        return f"{here}.name" if self.namespaced else f'{here}.namespace + "/" + {here}.name'


def named_objects(kind: CustomResource) -> tuple[NamedObject, ...]:
    """Every field of the kind that names a Secret, a ServiceAccount or a vault."""
    return tuple(_named(kind.spec, "spec", (), namespaced=kind.namespaced))


def _named(
    model: type[BaseModel], path: str, optional: tuple[str, ...], *, namespaced: bool
) -> Iterator[NamedObject]:
    for field in model.model_fields.values():
        below = _model_of(field)
        if below is None:
            continue
        here = f"{path}.{field.alias}"
        maybe = optional if field.is_required() else (*optional, here)
        if issubclass(below, (*SECRETS, CaReference, ServiceAccountReference, VaultReference)):
            yield NamedObject(here, maybe, below, namespaced)
        else:
            yield from _named(below, here, maybe, namespaced=namespaced)


def _model_of(field: FieldInfo) -> type[BaseModel] | None:
    """The model of a field that is one, or one or null."""
    candidates = (field.annotation, *get_args(field.annotation))
    found = [it for it in candidates if isinstance(it, type) and issubclass(it, BaseModel)]
    return found[0] if found else None


def reference_policies() -> list[Object]:
    """For each kind: a policy and a binding that refuses."""
    documents = []
    for kind in KINDS:
        validations = [it.validation() for it in named_objects(kind)]
        documents += _policy(f"{kind.name.lower()}-references", kind, validations, "Deny")
    return documents


def plaintext_policy() -> list[Object]:
    """Warns of ``password.value``; a binding with Deny forbids it."""
    validation = {
        "expression": "!has(object.spec.password) || !has(object.spec.password.value)",
        "message": "spec.password.value keeps the password in clear in the cluster's database and shows it to"
        " whoever may get the SmtpConfig: put it into a Secret and name that by spec.password.secretRef",
        "reason": "Forbidden",
    }
    return _policy("smtpconfig-plaintext-password", SMTP_CONFIG, [validation], "Warn")


def habit_policy() -> list[Object]:
    """Warns of settings that are possible, and seldom meant."""
    validations = [
        {
            "expression": "object.spec.port != 465 || object.spec.smtpType == 'TLS'",
            "message": "spec.port 465 usually speaks TLS from the first byte: spec.smtpType TLS goes with it",
        },
        {
            "expression": "object.spec.port != 587 || object.spec.smtpType != 'TLS'",
            "message": "spec.port 587 usually starts in clear text: spec.smtpType StartTLS goes with it",
        },
        {
            "expression": "!has(object.spec.tls) || !object.spec.tls.insecureSkipVerify",
            "message": "spec.tls.insecureSkipVerify lets anybody on the way pretend to be the server:"
            " name its CA by spec.tls.caRef",
        },
    ]
    return _policy("smtpconfig-habits", SMTP_CONFIG, validations, "Warn")


def policy_groups() -> dict[str, list[Object]]:
    """Return the documents of each group of policies, in the order in which they are applied."""
    return {
        "references": reference_policies(),
        "plaintext-password": plaintext_policy(),
        "habits": habit_policy(),
    }


def _policy(name: str, kind: CustomResource, validations: list[Object], action: str) -> list[Object]:
    name = f"{name}.{names.GROUP}"
    rule = {
        "apiGroups": [names.GROUP],
        "apiVersions": ["*"],
        "operations": ["CREATE", "UPDATE"],
        "resources": [kind.plural],
        "scope": "*",  # the default; left out, each `kubectl apply` would count as a change
    }
    policy = {
        "failurePolicy": "Fail",
        "matchConstraints": {"resourceRules": [rule]},
        "matchConditions": [{"name": "spec-changed", "expression": _SPEC_CHANGED}],
        "validations": validations,
    }
    binding = {"policyName": name, "validationActions": [action]}
    return [
        _document("ValidatingAdmissionPolicy", name, policy),
        _document("ValidatingAdmissionPolicyBinding", name, binding),
    ]


def _document(kind: str, name: str, spec: Object) -> Object:
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": kind,
        "metadata": {"name": name, "labels": {"app.kubernetes.io/name": "smtp-operator"}},
        "spec": spec,
    }
