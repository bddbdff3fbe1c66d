# SPDX-License-Identifier: Apache-2.0
"""Find the settings that a SmtpTest tests: those in its spec, or those of a SmtpConfig."""

from typing import Final

from smtp_operator.api.errors import AccessDenied, ObjectNotFound
from smtp_operator.api.objects import Reference
from smtp_operator.api.reasons import Reason
from smtp_operator.api.smtpconfig import Notification, Recipients, SmtpConfigSpec
from smtp_operator.api.verdict import VerdictError, failed
from smtp_operator.reconcile.invalid_spec import InvalidSpecError
from smtp_operator.reconcile.smtptest.snapshot import SmtpTestSnapshot
from smtp_operator.reconcile.snapshot import spec_of
from smtp_operator.secrets.interfaces import GetObject

_NEW: Final = "then create another SmtpTest."


async def settings_of(snapshot: SmtpTestSnapshot, get_object: GetObject, *, policies: bool) -> SmtpConfigSpec:
    """Return the settings to test; ``policies`` says whether the admission policies are installed.

    Raises:
        VerdictError: there are no settings that may be tested.
        ApiUnavailable, RequestRefused
    """
    spec = snapshot.spec
    if spec.settings is not None:
        tested = SmtpConfigSpec.model_validate(spec.settings.model_dump(by_alias=True, exclude_unset=True))
    else:
        tested = await _of_smtp_config(snapshot, get_object, policies=policies)
    if spec.recipients is not None:
        addresses = spec.recipients
        tested = tested.model_copy(
            update={
                "recipients": Recipients(to=addresses.to, cc=addresses.cc, bcc=addresses.bcc),
                "preferred_notifications": [Notification.TEST_EMAIL],
            }
        )
    if spec.mode is not None:
        tested = tested.model_copy(update={"test": tested.test.model_copy(update={"mode": spec.mode})})
    return tested


async def _of_smtp_config(
    snapshot: SmtpTestSnapshot, get_object: GetObject, *, policies: bool
) -> SmtpConfigSpec:
    assert snapshot.spec.config_ref is not None
    named = Reference("SmtpConfig", snapshot.key.namespace, snapshot.spec.config_ref.name)
    if not policies:
        raise failed(
            Reason.POLICIES_MISSING,
            "This operator tests no configRef, because without the admission policies anyone who may create"
            " SmtpTests could use any SmtpConfig. Ask a cluster admin to install the policies and to set"
            f" --smtp-tests, {_NEW}",
            phase=None,
        )
    try:
        object_ = await get_object(named)
    except ObjectNotFound:
        raise failed(
            Reason.SMTP_CONFIG_NOT_FOUND,
            f"{named} does not exist (named by spec.configRef). Create it, {_NEW}",
            phase=None,
        ) from None
    except AccessDenied:
        raise failed(
            Reason.SMTP_CONFIG_NOT_FOUND,
            f"The operator may not read {named} (named by spec.configRef): its role lacks get on smtpconfigs."
            f" Apply the roles of this release, {_NEW}",
            phase=None,
        ) from None
    try:
        tested = spec_of(SmtpConfigSpec, object_)
    except InvalidSpecError as error:
        raise VerdictError(error.verdict) from None
    tested = tested.model_copy(update={"delivery": None})
    if tested.suspend:
        raise failed(
            Reason.SUSPENDED,
            f"{named} is suspended, so it is not tested. Set suspend: false there, {_NEW}",
            phase=None,
        )
    return tested
