"""The demo's people: the same for the same seed, each with an address of her own that leads nowhere."""

from collections import Counter
from functools import cache

import phonenumbers
import pytest

from entries.identifiers import check_deliverable, normalize_email
from monoql.demo.people import BLOCK, Abuse, Person, draw_people
from monoql.demo.places import homes
from monoql.demo.wording import LOCALES

RESERVED = (".example", ".test", ".example.com", ".example.org", ".example.net")
SOMEBODY = ("田村 沙織", "saori_tamura@bellwether.example", "+819078890252")


@cache
def people(block: int, seed: int = 7) -> list[Person]:
    return draw_people(seed=seed, block=block)


def test_the_same_seed_gives_the_same_people() -> None:
    first = draw_people(seed=7, block=3)

    second = draw_people(seed=7, block=3)

    assert first == second
    assert len(first) == BLOCK
    assert [person.number for person in first] == list(range(3 * BLOCK, 4 * BLOCK))


def test_another_seed_gives_other_people() -> None:
    names = [person.name for person in people(0)]

    others = [person.name for person in people(0, seed=8)]

    assert sum(name == other for name, other in zip(names, others, strict=True)) < BLOCK / 50


def test_people_are_the_same_for_ever() -> None:
    # Measurements of different days are compared, so a change of the generator should be a deed, not an accident.
    person = people(0)[0]

    assert (person.name, person.address.identifier, person.phone) == SOMEBODY


def test_no_two_people_have_the_same_address_in_any_block() -> None:
    blocks = [*range(12), 500, 977, 3417, 20_000]

    addresses = [person.address.identifier for block in blocks for person in people(block)]

    assert len(set(addresses)) == len(blocks) * BLOCK


def test_every_address_is_under_a_reserved_domain() -> None:
    domains = {person.address.identifier.rpartition("@")[2] for block in range(6) for person in people(block)}

    assert len(domains) > 200
    for domain in domains:
        assert f".{domain}".endswith(RESERVED), domain


def test_the_normal_form_of_an_address_is_the_products_own() -> None:
    for block in range(4):
        for person in people(block):
            assert normalize_email(person.address.typed) == person.address.identifier
            check_deliverable(person.address.identifier)


def test_some_addresses_are_typed_carelessly_or_in_other_scripts() -> None:
    found = [person.address for block in range(8) for person in people(block)]

    assert any(address.typed.startswith(" ") for address in found)
    assert any(address.typed.isupper() for address in found)
    assert any(not address.identifier.isascii() for address in found)
    assert any("@xn--" in address.identifier for address in found)
    assert any("+" in address.identifier for address in found)


def test_phones_are_valid_and_of_the_home_country() -> None:
    without = 0
    for block in (0, 1):
        for person in people(block):
            if not person.phone:
                without += 1
                continue
            number = phonenumbers.parse(person.phone)
            assert phonenumbers.is_valid_number(number), person
            if person.abuse is not Abuse.BURST:
                assert phonenumbers.region_code_for_number(number) == homes()[person.home].country, person
            assert phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164) == person.phone
    assert 0.02 < without / (2 * BLOCK) < 0.10


def test_names_come_in_many_scripts() -> None:
    found = "".join(person.name for block in range(12) for person in people(block))

    for letter in "é ß ñ ł ễ 田 ひ 김 م о α ש ा த ก":
        assert letter in found, letter


def test_names_and_answers_need_no_escape_in_copy() -> None:
    for person in people(0) + people(1):
        for text in (person.name, person.address.identifier, person.phone, person.postal_code):
            assert not set(text) & set('\\\t\n\r"'), person
        assert 0 < len(person.name) <= 100


def test_locales_are_ones_that_the_demo_speaks() -> None:
    found = Counter(person.locale for block in range(6) for person in people(block))

    assert set(found) == set(LOCALES)
    assert found["en_US"] > found["es_MX"] > found["de_DE"]


def test_a_few_people_in_a_hundred_abuse_and_each_kind_is_there() -> None:
    found = Counter(person.abuse for block in range(12) for person in people(block))

    assert set(found) == set(Abuse)
    assert 0.02 < 1 - found[Abuse.NONE] / (12 * BLOCK) < 0.07


@pytest.mark.parametrize("abuse", [Abuse.SHARED_PHONE, Abuse.TAGS])
def test_a_group_that_shares_a_phone_has_one_phone(abuse: Abuse) -> None:
    groups: dict[int, set[str]] = {}

    for person in people(2):
        if person.abuse is abuse:
            groups.setdefault(person.group, set()).add(person.phone)

    assert groups
    assert all(len(phones) == 1 for phones in groups.values())


def test_ordinary_people_hardly_ever_share_a_phone() -> None:
    phones = Counter(
        person.phone for block in range(12) for person in people(block) if person.phone and person.abuse is Abuse.NONE
    )

    assert sum(count - 1 for count in phones.values()) <= 2
