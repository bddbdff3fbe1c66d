# SPDX-License-Identifier: Apache-2.0
"""``--ca-file``: CAs that are trusted in addition to the system's."""

from pathlib import Path

from smtp_operator.network.tls import CaBundleInvalid, check_bundle
from smtp_operator.settings import InvalidSetting


def read_ca_file(path: str) -> str | None:
    """Return the PEM text of the file; None where no file is named.

    Raises:
        InvalidSetting: it cannot be read, or holds no certificates.
    """
    if not path:
        return None
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        raise InvalidSetting(f"--ca-file: {path} cannot be read: {error.strerror}") from None
    text = raw.decode("ascii", "ignore")  # comments between the certificates may be in any language
    try:
        check_bundle(text)
    except CaBundleInvalid:
        raise InvalidSetting(f"--ca-file: {path} holds no valid PEM certificates") from None
    return text
