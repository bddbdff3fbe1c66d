# SPDX-License-Identifier: Apache-2.0
"""Runs a mail server with the user bob and the password s3cret, and prints received emails."""

import asyncio
import contextlib

from smtp_testkit.mailpeers.mailserver import MailServer


async def _main() -> None:
    async with MailServer(users={"bob": "s3cret"}, keep=1) as server:
        print(
            f"plain {server.plain_port}, STARTTLS {server.starttls_port}, TLS {server.tls_port}; bob/s3cret"
        )
        print(server.ca_pem)
        while True:
            mail = await server.next_mail(timeout=86_400)
            server.mails.clear()
            print(f"{mail.sender} -> {', '.join(mail.recipients)}\n{mail.content.decode(errors='replace')}")


with contextlib.suppress(KeyboardInterrupt):
    asyncio.run(_main())
