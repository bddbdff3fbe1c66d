# SPDX-License-Identifier: Apache-2.0
"""ValidatingAdmissionPolicies, generated from the models: users may name only objects they can access.

Note three limits. One authorizer check costs 350,000 of the 1,000,000 cost units of an expression, so each
reference has a separate validation. A messageExpression cannot use the authorizer. The policies apply only
when spec changes, else only the writer of a spec could edit a label.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from smtp_operator.api import names
from smtp_operator.api.crd import KINDS, SMTP_CONFIG, SMTP_TEST, CustomResource
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
    """A permission that the requester needs for an object.

    Attributes:
        verb: RBAC verb.
        resource: CEL of the authorizer check for objects of the kind.
        refusal: Start of the message; the object's name follows.
        purpose: End of the message.
    """

    verb: str
    resource: str
    refusal: str
    purpose: str


@dataclass(frozen=True, slots=True)
class NamedObject:
    """A field of a spec that names another object.

    Attributes:
        path: Path of the field, such as ``spec.password.secretRef``.
        optional: The optional parts of the path, from the left.
        model: Model of the reference.
        namespaced: Whether the object is in the namespace of the spec; else the reference has the namespace.
    """

    path: str
    optional: tuple[str, ...]
    model: type[BaseModel]
    namespaced: bool

    def validation(self) -> Object:
        """Return the validation that requesters have the permissions that the operator uses for them."""
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
                refusal="you are not allowed to use the vault",
                purpose=": ask a cluster admin for the verb use on it",
            )
        core = "authorizer.group('')"
        if issubclass(self.model, ServiceAccountReference):
            return Right(
                verb="create",
                resource=f"{core}.resource('serviceaccounts').subresource('token').namespace({namespace})",
                refusal="you are not allowed to create tokens of the ServiceAccount",
                purpose=", so an object of yours cannot use them",
            )
        return Right(
            verb="get",
            resource=f"{core}.resource('secrets').namespace({namespace})",
            refusal="you are not allowed to get the Secret",
            purpose=", so an object of yours cannot use it",
        )

    def _name(self) -> str:
        here = f"object.{self.path}"
        if issubclass(self.model, VaultReference):
            return f'{here}.kind + "/" + {here}.name'
        return f"{here}.name" if self.namespaced else f'{here}.namespace + "/" + {here}.name'


def named_objects(kind: CustomResource) -> tuple[NamedObject, ...]:
    """Return all fields of a kind that name a Secret, a ServiceAccount or a vault."""
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
    """Return the model of a field's value, or None."""
    candidates = (field.annotation, *get_args(field.annotation))
    found = [it for it in candidates if isinstance(it, type) and issubclass(it, BaseModel)]
    return found[0] if found else None


_DELIVERY: Final = "spec.delivery."


def reference_policies() -> list[Object]:
    """Return a policy and a binding with Deny for each kind, and one more for ``spec.delivery``.

    The cost of all validations of a policy is limited too.
    """
    documents = []
    for kind in KINDS:
        named = named_objects(kind)
        validations = [it.validation() for it in named if not it.path.startswith(_DELIVERY)]
        if kind is SMTP_TEST:
            validations += config_validations()
        documents += _policy(f"{kind.name.lower()}-references", kind, validations, "Deny")
        of_delivery = [it.validation() for it in named if it.path.startswith(_DELIVERY)]
        if of_delivery:
            documents += _policy(f"{kind.name.lower()}-delivery-references", kind, of_delivery, "Deny")
    return documents


def config_validations() -> list[Object]:
    """Return the validations of ``configRef``: requesters may test it, and change what they replace.

    Every mode that may be deeper than ``test.mode`` needs update, whatever ``test.mode`` is now: it can
    change until the test starts, or the SmtpConfig can be created after the SmtpTest, and the operator does
    not know who created the SmtpTest. A policy with SmtpConfigs as parameters would not close that gap. It
    would also evaluate all SmtpConfigs of the namespace, 0.3 ms each, for every SmtpTest.
    """
    return [
        _on_config([], "test", "test"),
        _on_config(["!has(object.spec.recipients)"], "update", "set recipients for"),
        _on_config(["!has(object.spec.mode)", "object.spec.mode == 'Connect'"], "update", "set mode for"),
    ]


def _on_config(unless: list[str], verb: str, action: str) -> Object:
    path = "object.spec.configRef"
    resource = f"authorizer.group('{names.GROUP}').resource('{names.SMTP_CONFIG_PLURAL}')"
    check = f"{resource}.namespace(object.metadata.namespace).name({path}.name).check('{verb}').allowed()"
    refusal, purpose = f"you are not allowed to {action} the SmtpConfig", f": ask for the verb {verb} on it"
    return {
        "expression": "\n|| ".join([f"!has({path})", *unless, check]),
        "message": f"{refusal} that spec.configRef names{purpose}",
        "messageExpression": f'"{refusal} " + {path}.name + " that spec.configRef names{purpose}"',
        "reason": "Forbidden",
    }


def publish_policy() -> list[Object]:
    """Return the policy for ``spec.publish``: users publish only to Secrets that they could write themselves.

    It applies to every change of such a spec, since each one can change the Secret.
    """
    validations = [_on_published_secret(verb) for verb in ("create", "update", "get")]
    named = (
        it
        for it in named_objects(SMTP_CONFIG)
        if it.path.startswith("spec.password.") and issubclass(it.model, VaultReference)
    )
    validations += [_on_published_vault(it) for it in named]
    return _policy("smtpconfig-publish", SMTP_CONFIG, validations, "Deny")


_NOT_PUBLISHED: Final = "!has(object.spec.publish)"


def _on_published_secret(verb: str) -> Object:
    path = "object.spec.publish.secretName"
    secrets = "authorizer.group('').resource('secrets').namespace(object.metadata.namespace)"
    refusal, purpose = (
        f"you are not allowed to {verb} the Secret",
        ", so the operator does not write it for you",
    )
    return {
        "expression": f"{_NOT_PUBLISHED}\n|| {secrets}.name({path}).check('{verb}').allowed()",
        "message": f"{refusal} that spec.publish names{purpose}",
        "messageExpression": f'"{refusal} " + {path} + " that spec.publish names{purpose}"',
        "reason": "Forbidden",
    }


def _on_published_vault(vault: NamedObject) -> Object:
    validation = vault.validation()
    use, publish = "check('use')", "check('publish')"
    refusal = "you are not allowed to publish passwords of the vault"
    purpose = f" that {vault.path} names: ask a cluster admin for the verb publish on it"
    here = f"object.{vault.path}"
    return {
        "expression": f"{_NOT_PUBLISHED}\n|| {validation['expression'].replace(use, publish)}",
        "message": refusal + purpose,
        "messageExpression": f'"{refusal} " + {here}.kind + "/" + {here}.name + "{purpose}"',
        "reason": "Forbidden",
    }


def plaintext_policy() -> list[Object]:
    """Return the policy that warns about ``password.value``; a binding with Deny forbids it."""
    paths = {"spec.password": "", f"{_DELIVERY}mailbox.password": "!has(object.spec.delivery) || "}
    validations = [
        {
            "expression": f"{unless}!has(object.{path}) || !has(object.{path}.value)",
            "message": f"{path}.value stores the password in plaintext in the cluster's database and shows it"
            f" to everyone with read access to the SmtpConfig: store it in a Secret, and set {path}.secretRef"
            ".name",
            "reason": "Forbidden",
        }
        for path, unless in paths.items()
    ]
    return _policy("smtpconfig-plaintext-password", SMTP_CONFIG, validations, "Warn")


def habit_policy() -> list[Object]:
    """Return the policy that warns about settings that are valid but rarely intended."""
    validations = [
        {
            "expression": "object.spec.port != 465 || object.spec.smtpType == 'TLS'",
            "message": "spec.port 465 usually expects TLS from the first byte: set spec.smtpType: TLS",
        },
        {
            "expression": "object.spec.port != 587 || object.spec.smtpType != 'TLS'",
            "message": "spec.port 587 usually starts in plaintext: set spec.smtpType: StartTLS",
        },
        {
            "expression": "!has(object.spec.tls) || !object.spec.tls.insecureSkipVerify",
            "message": "spec.tls.insecureSkipVerify lets anyone on the network impersonate the server:"
            " set spec.tls.caRef.name to its CA",
        },
    ]
    return _policy("smtpconfig-habits", SMTP_CONFIG, validations, "Warn")


def policy_groups() -> dict[str, list[Object]]:
    """Return the documents of each group of policies, in the order in which they are applied."""
    return {
        "references": reference_policies(),
        "plaintext-password": plaintext_policy(),
        "habits": habit_policy(),
        "publish": publish_policy(),
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
