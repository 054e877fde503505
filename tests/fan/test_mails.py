"""The mails, in every language."""

from collections.abc import Callable

import pytest
from django.core.mail import EmailMultiAlternatives
from django.utils import timezone

from campaigns.models import Campaign, Content
from campaigns.published import published
from entries.messages import Letter, render
from entries.models import Entry, Message
from tests import scenario
from tests.fan.conftest import draw
from waves.explanation import Outcome
from waves.models import Wave

Mails = Callable[[], list[EmailMultiAlternatives]]
LOCALES = ("en_US", "de_DE", "es_MX", "fr_CA", "pt_BR", "ja_JP", "ar_EG")


def html_of(mail: EmailMultiAlternatives) -> str:
    """The HTML part of a mail."""
    [alternative] = mail.alternatives
    return str(alternative[0])


def test_the_confirmation_quotes_nothing_that_its_sender_wrote(tour: Campaign, sent_mails: Mails) -> None:
    entry = scenario.register_fan(tour, "Win-A-Prize", ["CA-LAX"], is_confirmed=False)
    Entry.objects.filter(pk=entry.pk).update(email="ada@example.com")

    [mail] = sent_mails()

    assert mail.to == ["ada@example.com"]
    for part in (mail.subject, str(mail.body), html_of(mail)):
        assert "Prize" not in part
        assert "Los Angeles Stadium" not in part


def test_the_confirmation_says_what_happens_without_it(tour: Campaign, sent_mails: Mails) -> None:
    scenario.register_fan(tour, "Ada", ["CA-LAX"], is_confirmed=False)

    [mail] = sent_mails()

    assert mail.subject == "Please confirm your address: Aurora Vale on tour"
    assert "You did not register? Then do nothing" in str(mail.body)
    assert "The link works for 14 days." in str(mail.body)
    assert "http://localhost:8000/c/aurora/confirm/" in str(mail.body)


def test_the_receipt_lists_the_cities_in_their_order(tour: Campaign, sent_mails: Mails) -> None:
    scenario.register_fan(tour, "Ada", ["AZ-PHX", "CA-LAX"])

    mail = sent_mails()[-1]

    assert mail.subject == "You are in: Aurora Vale on tour"
    assert "1. Phoenix · Phoenix Stadium\n2. Los Angeles · Los Angeles Stadium" in str(mail.body)


@pytest.mark.django_db(transaction=True)
def test_the_selected_mail_shows_the_code_and_its_time(tour: Campaign, sent_mails: Mails) -> None:
    scenario.register_fan(tour, "Ada", ["CA-LAX"])
    draw(tour)
    scenario.run_jobs()

    [mail] = [mail for mail in sent_mails() if mail.subject.startswith("You have been drawn")]

    assert "You were drawn for Los Angeles, your first choice." in str(mail.body)
    assert "VF7K-000000" in str(mail.body)
    assert "VF7K-000000</div>" in html_of(mail)
    assert "(Los Angeles time, UTC−" in str(mail.body)
    assert "https://tickets.example/buy" in str(mail.body)


def test_an_operators_text_is_plain_in_the_text_and_escaped_in_the_html(tour: Campaign, sent_mails: Mails) -> None:
    Content.objects.filter(campaign=tour, locale_id="en_US").update(receipt_body="Rock & <roll>, {name}.")
    scenario.register_fan(tour, "Ada", ["CA-LAX"])

    mail = sent_mails()[-1]

    assert "Rock & <roll>, Ada." in str(mail.body)
    assert "Rock &amp; &lt;roll&gt;, Ada." in html_of(mail)


def test_the_html_keeps_its_dark_colours_and_loads_nothing(tour: Campaign, sent_mails: Mails) -> None:
    scenario.register_fan(tour, "Ada", ["CA-LAX"], is_confirmed=False)

    [mail] = sent_mails()

    assert "prefers-color-scheme: dark" in html_of(mail)
    assert "<img" not in html_of(mail)
    assert 'style="' in html_of(mail)


def letter(campaign: Campaign, code: str, kind: str) -> EmailMultiAlternatives:
    """One mail of a kind to the campaign's one fan, who reads this language."""
    Entry.objects.filter(campaign=campaign).update(locale_id=code)
    reader = Entry.objects.select_related("locale").get(campaign=campaign)
    found = published(campaign.domain)
    wave = Wave(pk=1, campaign=campaign, triggered_at=timezone.now())
    market = found.markets[0]
    if kind == Message.Kind.NOT_SELECTED:
        outcome = Outcome(wave=wave, is_selected=False, reason="markets_full", full_markets=[market])
    else:
        start, end = campaign.presale_window_start_at, campaign.presale_window_end_at
        outcome = Outcome(
            wave=wave,
            is_selected=True,
            market=market,
            choice=1,
            code="VF7K",
            link=market.link,
            presale_start_at=start,
            presale_end_at=end,
        )
    message = Message(pk=1, entry=reader, kind=kind, created_at=timezone.now())
    context = {"link": "https://example.com/x", "outcome": outcome, "markets": list(found.markets)}
    return render(message, Letter(context=context, values={}), found)


@pytest.mark.parametrize("code", [code for code in LOCALES if code != "en_US"])
def test_each_mail_is_wholly_in_its_language(polyglot: Campaign, code: str) -> None:
    Content.objects.filter(campaign=polyglot).update(selected_body="")
    scenario.register_fan(polyglot, "Ada", ["CA-LAX"])

    for kind in Message.Kind.values:
        english, mail = letter(polyglot, "en_US", kind), letter(polyglot, code, kind)

        same = set(str(mail.body).splitlines()) & set(str(english.body).splitlines())
        assert [line for line in same if len(line.split()) > 3 and "Stadium" not in line] == []
        assert f'<html lang="{code.replace("_", "-")}"' in html_of(mail)
        assert ('<html lang="ar-EG" dir="rtl"' in html_of(mail)) == (code == "ar_EG")
        assert "\n" not in mail.subject
