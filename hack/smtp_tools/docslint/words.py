# SPDX-License-Identifier: Apache-2.0
"""Words that no text or name of this project contains; each sounds translated to native speakers."""

import re
from typing import Final

_PHRASES: Final = (
    r"mend(?:s|ed|ing)?",
    r"anew",
    r"heed(?:s|ed|ing|less)?",
    r"farewells?",
    r"whose turn",
    r"(?:told|tells|tell|telling) of",
    r"looks? whether|looked whether|looking whether",
    r"(?:see|sees|saw) to(?! (?:be|have)\b)",
    r"such an? one",
    r"(?:was|is|were|are) had",
    r"whoever",
    r"of (?:its|their) own",
    r"by (?:itself|themselves)",
    r"in clear(?! text)",
    r"nobody",
)
_UNWANTED: Final = re.compile(rf"\b(?:{'|'.join(_PHRASES)})\b", re.IGNORECASE)
_EXEMPT: Final = re.compile(
    r"“[^”]*”"  # quotations
    r"|\"[^\"\n]*\""
    r"|[\w.+-]*@[\w.-]+"  # addresses, such as nobody@example.com
)


def unwanted_words(text: str) -> list[str]:
    """Return the unwanted words in a text, in lower case; quotations and email addresses are exempt."""
    plain = _EXEMPT.sub(" ", text)
    return [" ".join(found.group().lower().split()) for found in _UNWANTED.finditer(" ".join(plain.split()))]


def unwanted_in_name(name: str) -> list[str]:
    """Return the unwanted words in an identifier, such as ``told_of`` or ``MendedSpec``."""
    return unwanted_words(_spaced(name))


def may_have_unwanted(file: str) -> bool:
    """Tell quickly whether a file can have unwanted words, so that most files need not be parsed."""
    words = _spaced(re.sub(r"[#/*]+", " ", file)).split()
    return _UNWANTED.search(" ".join(words)) is not None


def _spaced(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", name).replace("_", " ").replace("-", " ")
