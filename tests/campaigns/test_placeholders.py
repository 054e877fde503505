"""The words in braces: what each text may say, and how a wrong one is told."""

import pytest
from django.core.exceptions import ValidationError

from campaigns.models import Campaign, Content, Faq
from campaigns.placeholders import NAMES, OF_TEXT, complaint, fill
from tests import scenario


@pytest.mark.parametrize(
    ("text", "known", "words"),
    [
        ("Hello {name}, { } and {1}", ("name",), ""),
        ("Hello {nmae}", ("name", "artist"), "{nmae} is not known here. There are {name}, {artist}."),
        ("{code} {link}", ("artist",), "{code}, {link} have no value in this text. There are {artist}."),
        ("{code}", (), "{code} has no value in this text. It has none."),
        ("{ name }", ("name",), "Write {name} without spaces inside the braces."),
        ("{名前}", ("name",), "{名前} is not known here. There are {name}."),
    ],
)
def test_a_complaint_names_the_wrong_word_and_those_there_are(text: str, known: tuple[str, ...], words: str) -> None:
    assert complaint(text, known) == words


def test_every_text_says_which_words_it_knows() -> None:
    assert set(OF_TEXT) == set(Content.TEXTS)
    assert {word for known in OF_TEXT.values() for word in known} == set(NAMES)


def test_only_a_fan_with_a_code_is_told_one() -> None:
    assert {text for text, known in OF_TEXT.items() if "code" in known} == {"selected", "selected_body"}


def test_the_first_mail_says_nothing_that_the_sender_of_the_form_could_have_written() -> None:
    assert "name" not in OF_TEXT["confirmation_subject"] + OF_TEXT["confirmation_body"]


def test_a_value_is_never_read_as_a_placeholder() -> None:
    assert fill("{name} {x}", {"name": "{code}", "code": "SECRET"}) == "{code} {x}"


def test_a_text_with_a_wrong_word_is_not_kept(db: None) -> None:
    campaign = scenario.make_tour()
    content = Content(campaign=campaign, locale_id="ar_EG", open="Your code is {code}", receipt_body="Hi {nmae}")

    with pytest.raises(ValidationError) as refused:
        content.full_clean()

    assert set(refused.value.message_dict) == {"open", "receipt_body"}


@pytest.mark.parametrize(
    ("errors", "words"),
    [
        ({"nowhere": "x"}, "There are words for these refusals alone"),
        ({"closed": 7}, "Words are text"),
        (["closed"], "Send an object"),
        ({"closed": "Hi {name}"}, "{name} has no value in this text"),
    ],
)
def test_words_for_a_refusal_follow_the_list(db: None, errors: object, words: str) -> None:
    content = Content(campaign=scenario.make_tour(), locale_id="ar_EG", errors=errors)

    with pytest.raises(ValidationError, match=words):
        content.full_clean()


def test_an_answer_keeps_no_script(tour: Campaign) -> None:
    faq = Faq(campaign=tour, locale_id="en_US", number=1, question=" When? ", answer="<p>Soon</p><script>x</script>")

    faq.full_clean()

    assert (faq.question, faq.answer) == ("When?", "<p>Soon</p>")
