# SPDX-License-Identifier: Apache-2.0
"""``--ca-file``: CAs to trust in addition to the system's."""

from pathlib import Path

from smtp_operator.network.tls import CaBundleInvalid, check_bundle
from smtp_operator.settings import InvalidSetting


def read_ca_file(path: str) -> str | None:
    """Return the PEM text of the file; None without a file.

    Raises:
        InvalidSetting: the file cannot be read, or contains no certificates.
    """
    if not path:
        return None
    try:
        raw = Path(path).read_bytes()
    except OSError as error:
        raise InvalidSetting(f"--ca-file: {path} cannot be read: {error.strerror}") from None
    text = raw.decode("ascii", "ignore")  # comments between certificates can be in any language
    try:
        check_bundle(text)
    except CaBundleInvalid:
        raise InvalidSetting(f"--ca-file: {path} contains no valid PEM certificates") from None
    return text
