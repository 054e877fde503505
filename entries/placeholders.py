"""The few words in braces that an operator's text may hold. A fixed list, never a template language."""

import re
from collections.abc import Mapping

NAMES = ("name", "artist", "campaign", "code", "market", "presale", "link")
_PLACEHOLDER = re.compile(r"\{(" + "|".join(NAMES) + r")\}")


def fill(text: str, values: Mapping[str, str]) -> str:
    """Put values in the place of ``{name}`` and the like; a word that this mail has no value for becomes empty.

    What a value holds is never read as a placeholder again, and any other brace stays as it is.
    """
    return _PLACEHOLDER.sub(lambda match: values.get(match[1], ""), text)
