# SPDX-License-Identifier: Apache-2.0
"""Fields that mail servers and mailboxes have in common."""

from typing import Annotated

from pydantic import Field

from smtp_operator.api.fields import (
    ApiModel,
    CaReference,
    HttpsUrl,
    Line256,
    SecretKeyReference,
    ServiceAccountReference,
)
from smtp_operator.api.validation_rules import (
    FROM_ADDRESS,
    FROM_DISPLAY_NAME,
    MAIL_ADDRESS,
    ONE_LINE,
    FieldRule,
    ListType,
    exactly_one,
    host_rule,
)

_server, _server_name, _helo_name = (host_rule(name) for name in ("server", "serverName", "heloName"))
Server = Annotated[str, Field(min_length=1, max_length=253), _server]
ServerName = Annotated[str, Field(min_length=1, max_length=253), _server_name]
HeloName = Annotated[str, Field(min_length=1, max_length=253), _helo_name]
UserName = Annotated[str, Field(min_length=1, max_length=320), ONE_LINE]
MailAddress = Annotated[
    str,
    Field(min_length=3, max_length=254, description="One email address."),
    MAIL_ADDRESS,
]
FromAddress = Annotated[str, Field(min_length=3, max_length=384), FROM_ADDRESS, FROM_DISPLAY_NAME]
Scope = Annotated[str, Field(min_length=1, max_length=1024), ONE_LINE]
AddressList = Annotated[list[MailAddress], Field(max_length=10), ListType.SET]


class OAuth2(ApiModel):
    """Log in with an access token instead of a password (XOAUTH2, OAUTHBEARER)."""

    rules = (
        exactly_one("clientSecretRef", "serviceAccountRef"),
        FieldRule(
            "!has(self.refreshTokenRef) || has(self.clientSecretRef)",
            "refreshTokenRef requires clientSecretRef",
            lambda it: it.refresh_token_ref is None or it.client_secret_ref is not None,
        ),
    )

    token_url: HttpsUrl = Field(description="URL of the token endpoint.")
    client_id: Line256 = Field(description="Client ID.")
    scope: Scope | None = Field(None, description="Scopes, separated by spaces.")
    client_secret_ref: Annotated[
        SecretKeyReference | None,
        Field(description="Client secret for the grant client_credentials (Microsoft 365)."),
    ] = None
    service_account_ref: ServiceAccountReference | None = None
    refresh_token_ref: Annotated[
        SecretKeyReference | None,
        Field(
            description="Refresh token for the grant refresh_token (Google), in addition to clientSecretRef."
        ),
    ] = None
    ca_ref: Annotated[
        CaReference | None,
        Field(description="The only trusted CA for the token endpoint; tls.caRef does not apply to it."),
    ] = None
