# SPDX-License-Identifier: Apache-2.0
"""Checks of the wording of documentation, messages, comments and names.

``python -m smtp_tools.docslint [PAGE...]`` lists sentences that are too long.
"""

from smtp_tools.docslint.sentences import MOST_WORDS, long_sentences
from smtp_tools.docslint.texts import Text, texts_of
from smtp_tools.docslint.words import unwanted_words

__all__ = ["MOST_WORDS", "Text", "long_sentences", "texts_of", "unwanted_words"]
