"""E-mail addresses made of names, under domains reserved for examples, so that no mail can go astray.

Addresses are unique over any number of blocks without a memory of earlier ones. A block is one run of fans
with a number of its own. An address that would repeat in another block differs there by its digits or by its
domain: both are the sum of a hash of the rest of the address and the block's number.
"""

import unicodedata
from dataclasses import dataclass, field
from functools import cache
from zlib import crc32

from entries.identifiers import normalize_email
from monoql.demo.names import NamePart

# Domains of mail providers, by the fan's language; addresses there end in digits.
_PROVIDERS = {
    "en": "mail.example.com inbox.example.net post.example.org me.example fastmail.test box.example",
    "es": "correo.example buzon.example.com mail.example.com cartero.example.net",
    "pt": "correio.example caixa.example.net mail.example.com",
    "fr": "courriel.example poste.example.net boite.example.org mail.example.com",
    "de": "postfach.example brief.example.net mail.example.com web.example.org",
    "ja": "meru.example keitai.example.net mail.example.com",
    "ar": "bareed.example mail.example.com inbox.example.net",
}
# The long tail: offices, schools, clubs, towns. Addresses there need no digits.
_OWNERS = """
    kestrel harbor juniper cobalt lantern meadow anchor willow granite ember cedar falcon maple orchard
    summit riverside lakeview northgate oldtown redwood bluebird starling foxglove ironbridge millpond
    sandpiper thistle verdant westfield yarrow zephyr bellwether candlewick driftwood evergreen firefly
    goldfinch hazelwood inkwell jadeite kingfisher larkspur moonstone nightjar oakridge pinecrest quarry
    rosemary silverleaf tidewater umber vineyard whitecap alder brambles clover dovetail elmhurst fernhill
    garland heather ivory
"""
_TAIL_FORMS = "{}.example {}.test {}.example.org {}.example.net {}.example.com staff.{}.example"
_INTERNATIONAL = """
    bücher.example münchen.example françoise.example.org coração.example ñandú.example łódź.example
    correo-españa.example žluťoučký.example blåbær.example đường.example straße.example
    メール.example 例え.example 音楽.example.net 邮箱.example 메일.example 음악.example.com
    почта.example пошта.example ταχυδρομείο.example
    بريد.example موسيقى.example.net דואר.example डाक.example
"""
DISPOSABLE_DOMAINS = ("ten-minutes.test", "trash-inbox.example", "throwaway.example.net", "burner.example")
_BULK_DOMAIN = "bulk.example.com"
_FLAIR = "music luna sky sings live rocks vale fan star dreams waves loud vinyl encore stage"
_TAGS = ("aurora", "tickets", "concerts", "presale", "music")
_DIGIT_SPANS = (10, 90, 100, 900, 10_000)


@dataclass(frozen=True, slots=True)
class Address:
    """An address as its owner types it, and its normal form."""

    typed: str
    identifier: str


@dataclass(frozen=True, slots=True)
class Mailbox:
    """What an address is made of; ``ways`` are five independent shares from 0 up to but not 1."""

    given: NamePart
    family: NamePart
    language: str
    ways: tuple[float, float, float, float, float]


@cache
def _tail_domains() -> tuple[tuple[str, str], ...]:
    """Every domain of the long tail with its encoded form."""
    plain = [form.format(owner) for form in _TAIL_FORMS.split() for owner in _OWNERS.split()]
    # Spread the international ones evenly among the others.
    international = _INTERNATIONAL.split()
    step = len(plain) // len(international)
    for number, domain in enumerate(international):
        plain.insert(number * (step + 1), domain)
    return tuple((domain, normalize_email(f"a@{domain}")[2:]) for domain in plain)


@cache
def _providers(language: str) -> tuple[str, ...]:
    return tuple(_PROVIDERS[language].split())


@cache
def _flair() -> tuple[str, ...]:
    return tuple(_FLAIR.split())


def _stem(mailbox: Mailbox) -> str:
    """The part of the address that is made of the name, in normal form, without a digit."""
    given, family = mailbox.given.plain, mailbox.family.plain
    way = mailbox.ways[0]
    if way < 0.34:
        return f"{given}.{family}"
    if way < 0.50:
        return given + family
    if way < 0.62:
        return given[0] + family
    if way < 0.70:
        return f"{given}_{family}"
    if way < 0.78:
        return f"{family}.{given}"
    if way < 0.85:
        return family + given[0]
    if way < 0.90:
        return f"{given[0]}.{family}"
    if way < 0.955:
        flair = _flair()
        return given + flair[int(mailbox.ways[3] * len(flair))]
    if way < 0.992:
        return f"{given}-{family}"
    written = f"{mailbox.given.written}.{mailbox.family.written}".replace(" ", "").replace("'", "")
    return unicodedata.normalize("NFKC", written.casefold())


@dataclass(slots=True)
class BlockOfAddresses:
    """The addresses of one block of fans, each given once."""

    block: int
    _taken: set[str] = field(default_factory=set)

    def address(self, mailbox: Mailbox) -> Address:
        """Give a fan's own address."""
        stem = _stem(mailbox)
        address = self._try(stem, mailbox)
        while address.identifier in self._taken:
            # Two fans of this block would share it; the later one takes a further letter.
            stem += "xjqzkw"[len(stem) % 6]
            address = self._try(stem, mailbox)
        self._taken.add(address.identifier)
        return address

    def _try(self, stem: str, mailbox: Mailbox) -> Address:
        if mailbox.ways[1] < 0.62:
            providers = _providers(mailbox.language)
            domain = encoded = providers[int(mailbox.ways[1] / 0.62 * len(providers))]
            mixed = crc32(f"{stem}@{domain}".encode())
            stem += f"{mixed // 8 % _DIGIT_SPANS[mixed % 5] + self.block}"
        else:
            domains = _tail_domains()
            round_number, place = divmod(crc32(stem.encode()) % len(domains) + self.block, len(domains))
            domain, encoded = domains[place]
            if round_number:
                stem += str(round_number)
        if mailbox.ways[4] < 0.02:
            stem += "+" + _TAGS[int(mailbox.ways[4] / 0.02 * len(_TAGS))]
        return _as_typed(stem, domain, encoded, mailbox.ways[2])

    def tagged(self, address: Address, number: int) -> Address:
        """Give one more spelling of an address that reaches the same mailbox."""
        local, _, domain = address.identifier.rpartition("@")
        text = f"{local}+vf{number}@{domain}"
        self._taken.add(text)
        return Address(typed=text, identifier=text)


def _as_typed(local: str, domain: str, encoded: str, way: float) -> Address:
    """An address as its owner types it, most with care. ``local`` is in normal form."""
    typed = f"{local}@{domain}"
    if way >= 0.90:
        typed = _carelessly(local, domain, way)
    return Address(typed=typed, identifier=f"{local}@{encoded}")


def _carelessly(local: str, domain: str, way: float) -> str:
    if not local.isascii():
        # Some keyboards send a letter and its accent apart.
        return unicodedata.normalize("NFD", local) + "@" + domain
    if way < 0.95:
        return local.title() + "@" + domain
    if way < 0.965 and domain.isascii():
        return (local + "@" + domain).upper()
    if way < 0.98:
        return local + "@" + domain.title()
    if way < 0.998:
        return f" {local}@{domain} "
    # A Japanese keyboard types wide letters; they are the same letters to the normal form.
    wide = "".join(chr(ord(letter) + 0xFEE0) if letter.isalnum() else letter for letter in local)
    return f"{wide}@{domain}"


def disposable_address(*, number: int, way: float) -> Address:
    """Give an address that looks like it was made for ten minutes; another number gives another address."""
    # An odd multiplier turns counting numbers into distinct ones that look like chance.
    mixed = number * 0x9E3779B97F4A7C15 % 2**45
    letters = ""
    while mixed:
        mixed, place = divmod(mixed, 36)
        letters += "0123456789abcdefghijklmnopqrstuvwxyz"[place]
    domain = DISPOSABLE_DOMAINS[int(way * len(DISPOSABLE_DOMAINS))]
    return Address(typed=f"{letters}@{domain}", identifier=f"{letters}@{domain}")


def numbered_address(*, word: str, number: int) -> Address:
    """Give one of a series that a machine has made; another number gives another address."""
    text = f"{word}{number:06d}@{_BULK_DOMAIN}"
    return Address(typed=text, identifier=text)
