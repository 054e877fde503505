"""The few words in braces that an operator's text may hold. A fixed list, never a template language."""

import re
from collections.abc import Mapping

NAMES = ("name", "artist", "campaign", "code", "market", "presale", "link")
_PLACEHOLDER = re.compile(r"\{(" + "|".join(NAMES) + r")\}")
_WORD_IN_BRACES = re.compile(r"\{\s*([^\W\d][\w .-]{0,40}?)\s*\}")

FOR_EVERYBODY = ("artist", "campaign", "presale")
"""What a page knows that is the same for all fans."""
OF_TEXT: Mapping[str, tuple[str, ...]] = {
    "title": (),
    "not_started": FOR_EVERYBODY,
    "open": FOR_EVERYBODY,
    "registered": ("name", *FOR_EVERYBODY),
    "closed": FOR_EVERYBODY,
    "selected": ("name", *FOR_EVERYBODY, "code", "market", "link"),
    "not_selected": ("name", *FOR_EVERYBODY),
    "finished": FOR_EVERYBODY,
    # Whoever fills in a form with somebody else's address must not write into the mail that goes there.
    "confirmation_subject": ("artist", "campaign"),
    "confirmation_body": ("artist", "campaign", "link"),
    "receipt_subject": ("name", "artist", "campaign"),
    "receipt_body": ("name", "artist", "campaign", "link"),
    "reminder_subject": ("artist", "campaign"),
    "reminder_body": ("name", "artist", "campaign", "link"),
    "selected_subject": ("name", "artist", "campaign", "market"),
    "selected_body": ("name", "artist", "campaign", "code", "market", "presale", "link"),
    "not_selected_subject": ("name", "artist", "campaign"),
    "not_selected_body": ("name", "artist", "campaign", "link"),
}
"""What each of a campaign's texts can say. A code stands only where there is one."""


def fill(text: str, values: Mapping[str, str]) -> str:
    """Put values in the place of ``{name}`` and the like; a word that this mail has no value for becomes empty.

    What a value holds is never read as a placeholder again, and any other brace stays as it is.
    """
    return _PLACEHOLDER.sub(lambda match: values.get(match[1], ""), text)


def complaint(text: str, known: tuple[str, ...]) -> str:
    """What is wrong with the words in braces of a text that knows these placeholders; empty where nothing is."""
    wrong = [f"{{{word}}}" for word in dict.fromkeys(_WORD_IN_BRACES.findall(text)) if word not in known]
    spaced = [f"{{{word}}}" for word in known if word in _WORD_IN_BRACES.findall(text) and f"{{{word}}}" not in text]
    if not wrong and not spaced:
        return ""
    if not wrong:
        return f"Write {', '.join(spaced)} without spaces inside the braces."
    there = f"There are {listed(known)}." if known else "It has none."
    misplaced = all(word[1:-1] in NAMES for word in wrong)
    which = "has no value in this text" if misplaced else "is not known here"
    if len(wrong) > 1:
        which = "have no value in this text" if misplaced else "are not known here"
    return f"{', '.join(wrong)} {which}. {there}"


def listed(known: tuple[str, ...]) -> str:
    """Placeholders as an operator types them."""
    return ", ".join(f"{{{word}}}" for word in known)
