"""Rendering many letters that are alike: once with marks in place of what is one fan's own, then by filling those.

A template, its translation and the inlining of styles take milliseconds, and a wave has millions of letters. A form is
used once it has given its first letter exactly as ``entries.messages`` renders it, and only for values whose letters
stand for themselves everywhere; all others are rendered whole.
"""

import re
from dataclasses import dataclass
from itertools import groupby

from campaigns.models import Locale
from campaigns.published import Published
from core.mail_writing import quoted
from entries.messages import AnyLetter, LikeLetter, Own, Words, words_of

MOST_FORMS = 2048
"""Forms that are kept at a time, some 20 KB each."""
_UNSEEN, _SEEN = object(), object()
_NAME, _CODE, _TOKEN = "xname7f3dq", "xcode7f3dq", "xlink7f3dq"
_MARK = re.compile("|".join((_NAME, _CODE, _TOKEN)))
_TAG = re.compile(r"<[^<>]*>")
_PLAIN_CODE = re.compile(r"[A-Za-z0-9_-]+")
_LINK = re.compile(r"(.*/)([A-Za-z0-9:_-]+)(/)")


class _Body:
    """A text cut at the marks, and the same as it stands in a mail: lines without a mark are encoded once for all."""

    def __init__(self, text: str) -> None:
        self._pieces = _cut(text)
        self._encoded: list[bytes | list[str]] = []
        for has_mark, lines in groupby(text.split("\n"), key=lambda line: _MARK.search(line) is not None):
            if has_mark:
                self._encoded += [_cut(line) for line in lines]
            else:
                self._encoded.append(quoted("\n".join(lines)))

    def filled(self, values: dict[str, str]) -> str:
        """The text for one fan."""
        return "".join([values.get(piece, piece) for piece in self._pieces])

    def encoded(self, values: dict[str, str]) -> bytes:
        """The same as it stands in a mail."""
        return b"\r\n".join(
            [
                part if isinstance(part, bytes) else quoted("".join([values.get(piece, piece) for piece in part]))
                for part in self._encoded
            ]
        )


@dataclass(frozen=True)
class _Form:
    """The words of letters that are alike, with marks."""

    subject: list[str]
    text: _Body
    html: _Body

    def filled(self, values: dict[str, str]) -> Words:
        """The words for one fan."""
        return Words(
            subject="".join([values.get(piece, piece) for piece in self.subject]),
            text=self.text.filled(values),
            html=self.html.filled(values),
            encoded=(self.text.encoded(values), self.html.encoded(values)),
        )


class Renderer:
    """Renders the letters of one campaign as it was published at one moment."""

    def __init__(self, published: Published) -> None:
        self.published = published
        self._forms: dict[object, object] = {}

    def words(self, kind: str, letter: AnyLetter, locale: Locale) -> Words:
        """What a letter says in a locale, to the letter as ``words_of`` renders it."""
        values = _values(letter.own) if isinstance(letter, LikeLetter) else None
        if values is None or not isinstance(letter, LikeLetter):
            return self._whole(kind, letter, locale)
        own = letter.own
        alike = (
            kind,
            locale.code,
            letter.likeness,
            bool(own.name),
            bool(own.code),
            len(own.link) - len(values[_TOKEN]),
        )
        form = self._forms.get(alike, _UNSEEN)
        if isinstance(form, _Form):
            return form.filled(values)
        whole = self._whole(kind, letter, locale)
        if form is _SEEN:
            form = self._form(kind, letter, locale)
            self._forms[alike] = form if form is not None and _is_right(form.filled(values), whole) else None
        elif form is _UNSEEN:
            # A form costs as much as a letter, so it is made for letters that come again.
            if len(self._forms) >= MOST_FORMS:
                self._forms.clear()
            self._forms[alike] = _SEEN
        return whole

    def _whole(self, kind: str, letter: AnyLetter, locale: Locale) -> Words:
        return words_of(kind, letter, locale=locale, published=self.published)

    def _form(self, kind: str, letter: LikeLetter, locale: Locale) -> _Form | None:
        """The form of letters like this one; none where a name or a code would stand within a tag."""
        own = letter.own
        marked = Own(
            link=_LINK.sub(rf"\1{_TOKEN}\3", own.link),
            name=_NAME if own.name else "",
            code=_CODE if own.code else "",
        )
        words = self._whole(kind, letter.letter_with(marked), locale)
        if any(_NAME in tag or _CODE in tag for tag in _TAG.findall(words.html)):
            return None
        return _Form(subject=_cut(words.subject), text=_Body(words.text), html=_Body(words.html))


def _is_right(filled: Words, whole: Words) -> bool:
    return filled == whole and filled.encoded == (quoted(whole.text), quoted(whole.html))


def _cut(text: str) -> list[str]:
    """The pieces of a text between the marks, and the marks."""
    pieces, end = [], 0
    for match in _MARK.finditer(text):
        pieces += [text[end : match.start()], match[0]]
        end = match.end()
    return [*pieces, text[end:]]


def _values(own: Own) -> dict[str, str] | None:
    """What stands in the place of the marks; none where a value could be read as more than its letters."""
    match = _LINK.fullmatch(own.link)
    if match is None or not _is_plain_name(own.name) or (own.code and _PLAIN_CODE.fullmatch(own.code) is None):
        return None
    return {_NAME: own.name, _CODE: own.code, _TOKEN: match[2]}


def _is_plain_name(name: str) -> bool:
    """Whether HTML, addresses in texts and lines leave a name as it is."""
    bare = name.replace(" ", "").replace("-", "")
    return not name or (bare.isalnum() and not name.startswith(" ") and not name.endswith(" ") and "  " not in name)
