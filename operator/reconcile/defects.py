# SPDX-License-Identifier: Apache-2.0
"""What a log may say of an error that nobody foresaw."""

import traceback


def origin(error: BaseException) -> str:
    """The error's type and where it was raised; never its text, which may quote a password."""
    frames = traceback.extract_tb(error.__traceback__)
    where = " < ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in reversed(frames))
    return f"{type(error).__qualname__} at {where}"
