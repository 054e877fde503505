"""Normal forms, fan keys and refs, to the byte of spec/draw.md."""

import pytest

from entries.identifiers import BadIdentifier, check_deliverable, fan_key, normalize_email, normalize_number, ref_of


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        (" Ada@Example.COM ", "ada@example.com"),
        ("ada+vip@example.com", "ada+vip@example.com"),
        ("jürgen@müller.de", "jürgen@xn--mller-kva.de"),
        ("ＡＤＡ@example.com", "ada@example.com"),
        ("a@straße.de", "a@xn--strae-oqa.de"),
        ("a@example.com.", "a@example.com"),
        ("ada@home@example.com", "ada@home@example.com"),
        ("STRASSE@example.com", "strasse@example.com"),
        ("straße@example.com", "strasse@example.com"),
    ],
)
def test_an_address_has_one_normal_form(given: str, normal: str) -> None:
    assert normalize_email(given) == normal
    assert normalize_email(normal) == normal


@pytest.mark.parametrize(
    "given", ["", "ada", "@example.com", "ada@", "a\x00da@example.com", "ada@exa mple.com", "a@..", "a@-b.com"]
)
def test_what_is_no_address_is_refused(given: str) -> None:
    with pytest.raises(BadIdentifier):
        normalize_email(given)


@pytest.mark.parametrize("given", ["ada@localhost", f"{'a' * 250}@example.com", "a da@example.com"])
def test_what_no_mail_server_takes_is_refused(given: str) -> None:
    with pytest.raises(BadIdentifier):
        check_deliverable(given)


def test_numbers_keep_their_case() -> None:
    assert normalize_number(" Ａb12 ") == "Ab12"


def test_fan_key_and_ref_follow_the_vector() -> None:
    key = fan_key(salt=bytes(range(32)), identifier="ada@example.com")

    assert key.hex() == "5c820b4a5aac8f31eb6741825bfecb8e97f00488d5edaed1ae2908c29d0b7e38"
    assert ref_of(fan_key=key, identifier="ada@example.com") == "cf40653bd29cb1bd21d84c4bc38c5c9b"
