# SPDX-License-Identifier: Apache-2.0
"""Our policies and user roles, and users with exactly the permissions that a test grants."""

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from smtp_testkit.testbed import Api, ApiError, Object
from smtp_testkit.testbed.users import WRITE_OURS, Users, object_of, path_of, sentence
from smtp_testkit.testbed.waiting import until
from smtp_tools.localcluster import LocalCluster

POLICIES = sorted((Path(__file__).parents[3] / "deploy" / "manifests").glob("3?-policy-*.yaml"))

NOT_YOURS = {"kind": "Secret", "name": "not-yours"}
CCP: Object = {"cyberArkCCP": {"url": "https://ccp.example.com", "appId": "a"}, "allowedServers": []}
BY_CERTIFICATE: Object = {**CCP["cyberArkCCP"], "clientCertificateRef": {"name": "not-yours"}}
REFUSED: dict[str, Object] = {
    "SmtpConfig": {"server": "a.example", "port": 25, "from": "a@b.example", "tls": {"caRef": NOT_YOURS}},
    "SmtpTest": {
        "settings": {"server": "a.example", "port": 25, "from": "a@b.example", "tls": {"caRef": NOT_YOURS}}
    },
    "SmtpVault": {**CCP, "cyberArkCCP": BY_CERTIFICATE, "caRef": NOT_YOURS},
    "ClusterSmtpVault": {**CCP, "caRef": {**NOT_YOURS, "namespace": "default"}},
}
"""Return an object of each kind that the policies reject."""

WARNINGS = {"smtpconfig-plaintext-password.smtp-operator.io", "smtpconfig-habits.smtp-operator.io"}
WARNED_OF: Object = {
    **{"server": "a.example", "port": 465, "from": "a@b.example", "smtpType": "StartTLS"},
    **{"username": "mailer", "password": {"value": "in clear"}},
}
"""An SmtpConfig about which both policies warn."""


@pytest.fixture(scope="module")
def all_users(cluster: LocalCluster, api: Api) -> Iterator[Users]:
    """Create users, and remove them at the end of the module."""
    users = Users(api, lambda name: Api(cluster.url, cluster.ca_file, cluster.admin_token, acting_as=name))
    yield users
    users.forget()


@pytest.fixture(scope="module")
def policies(cluster: LocalCluster, all_users: Users) -> Iterator[None]:
    """Apply the policies of `deploy/manifests/`; remove them afterwards, since they affect other tests."""
    files = [f"--filename={it}" for it in POLICIES]
    cluster.kubectl("apply", "--validate=strict", *files)
    somebody = all_users.user("somebody", *WRITE_OURS)
    for kind, spec in REFUSED.items():
        refused = partial(_refused, somebody, object_of(kind, spec))
        until(refused, f"the policy of {kind} never came into force")
    until(lambda: _warnings(cluster) == WARNINGS, "the policies that warn never came into force")
    yield
    cluster.kubectl("delete", *files)
    for kind, spec in REFUSED.items():
        accepted = partial(_accepted, somebody, object_of(kind, spec))
        until(accepted, f"the policy of {kind} never went")
    until(lambda: not _warnings(cluster), "the policies that warn never went")


def _warnings(cluster: LocalCluster) -> set[str]:
    """Return the policies that warn about the object now."""
    words = ["create", "--dry-run=server", "-f", "-"]
    said = cluster.kubectl(*words, input=json.dumps(object_of("SmtpConfig", WARNED_OF))).stderr
    return {name for name in WARNINGS if name in said}


def _refused(user: Api, it: Object) -> bool:
    try:
        user.create(f"{path_of(it['kind'], 'default')}?dryRun=All", it)
    except ApiError as error:
        return bool(sentence(error)) or error.code == 403
    return False


def _accepted(user: Api, it: Object) -> bool:
    return not _refused(user, it)
