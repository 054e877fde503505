"""What a fan sends, and the rules that it must follow before anything is kept."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from campaigns.models import Campaign, Locale
from campaigns.published import Published
from core.refusal import Invalid
from entries.answers import BadAnswer, clean_answers, clean_line
from entries.consents import consents_of
from entries.fan_sign_in import Account
from entries.identifiers import BadIdentifier, check_deliverable, normalize_email, normalize_number
from entries.models import Entry
from entries.phone_numbers import clean_campaign_phone, home_region

MOST_LETTERS_OF_NAME = 100


@dataclass(frozen=True)
class Form:
    """What a fan sent, as it came. ``choices`` are market codes, the favourite first."""

    email: Any = ""
    name: Any = ""
    phone: Any = ""
    choices: Any = ()
    answers: Mapping[str, Any] = field(default_factory=dict)
    locale: str = ""
    password: Any = ""
    asker: str = ""
    """The address from which it was sent; wrong passwords are counted by it."""
    member_id: Any = ""
    """Her number in the fan club, where the campaign knows fans by it."""
    is_old_enough: Any = False
    """Her tick for the campaign's minimum age."""
    account: Account | None = None
    """Who has signed in, where the campaign knows fans by their account."""


@dataclass(frozen=True)
class Clean:
    """A form that follows every rule, in the shape that is kept. ``choices`` are market numbers."""

    identifier: str
    email: str
    is_email_proved: bool
    name: str
    phone: str
    choices: list[int]
    answers: dict[str, Any]
    consents: dict[str, dict[str, str]]
    locale: Locale


def clean(published: Published, form: Form, now: datetime, *, own: Entry | None = None) -> Clean:
    """Check a form against the campaign's rules. ``own`` is the entry that its fan changes; she stays who she is.

    :raises Invalid: with a message beside each field that must be mended.
    """
    errors: dict[str, list[str]] = {}
    given = form.answers if isinstance(form.answers, Mapping) else {}
    identifier, email, is_email_proved = _identity(published.campaign, form, own, errors)
    answers = clean_answers(published.fields, given, errors, region=home_region(published))
    is_old_enough = _clean_age(form.is_old_enough, published, errors)
    name = _clean_name(form.name, errors)
    phone = _clean_phone(form.phone, published, errors)
    choices = _clean_choices(form.choices, published, errors)
    if errors:
        raise Invalid(errors)
    locale = published.choose_locale(asked=form.locale)
    return Clean(
        identifier=identifier,
        email=email,
        is_email_proved=is_email_proved,
        name=name,
        phone=phone,
        choices=choices,
        answers=answers,
        consents=consents_of(published, answers=answers, is_old_enough=is_old_enough, locale=locale, now=now),
        locale=locale,
    )


def _identity(campaign: Campaign, form: Form, own: Entry | None, errors: dict[str, list[str]]) -> tuple[str, str, bool]:
    """Who the fan is: her identifier, her address, and whether that is proved already."""
    if campaign.is_by_account:
        account = form.account
        # Whose entry it is stays, whatever account is named beside: gates are asked about that fan.
        number = own.identifier if own is not None else account.id if account is not None else ""
        if account is not None and account.email and account.id == number:
            return number, account.email, True
        known = own.email if own is not None and not form.email else form.email
        email = _clean_email(known, errors)
        is_proved = own is not None and own.email == email and own.email_confirmed_at is not None
        return number, email, is_proved
    if own is not None:
        return own.identifier, own.email, own.email_confirmed_at is not None
    email = _clean_email(form.email, errors)
    if campaign.is_by_membership:
        return _clean_number(form.member_id, errors), email, False
    return email, email, False


def identifier_of(campaign: Campaign, *, email: Any, member_id: Any) -> str:
    """The identifier by which a fan says that a campaign knows her: her address, or her number.

    :raises Invalid: it has no normal form.
    """
    errors: dict[str, list[str]] = {}
    identifier = _clean_number(member_id, errors) if campaign.is_by_membership else _clean_email(email, errors)
    if errors:
        raise Invalid(errors)
    return identifier


def _clean_email(given: Any, errors: dict[str, list[str]]) -> str:
    try:
        email = normalize_email(given if isinstance(given, str) else "")
        check_deliverable(email)
    except BadIdentifier as bad:
        errors["email"] = [bad.message]
        return ""
    return email


def _clean_number(given: Any, errors: dict[str, list[str]]) -> str:
    try:
        return normalize_number(given if isinstance(given, str) else "")
    except BadIdentifier:
        errors["member_id"] = [_("Enter your member number as it stands in your fan club's mails or on your card.")]
        return ""


def _clean_age(given: Any, published: Published, errors: dict[str, list[str]]) -> bool:
    """Whether she has ticked that she is old enough; needed where the campaign has a minimum age."""
    is_ticked = given is True or (isinstance(given, str) and given.lower() in ("on", "true", "1", "yes"))
    if published.campaign.minimum_age and not is_ticked:
        errors["is_old_enough"] = [
            _("Please tick this box: you must be %(age)s or older to take part.")
            % {"age": published.campaign.minimum_age}
        ]
    return is_ticked


def _clean_name(given: Any, errors: dict[str, list[str]]) -> str:
    try:
        name = clean_line(given, most=MOST_LETTERS_OF_NAME)
    except BadAnswer as bad:
        errors["name"] = [str(bad)]
        return ""
    if not name:
        errors["name"] = [_("Please enter your name.")]
    elif "://" in name or "www." in name.lower():
        # Operators' texts greet fans by name, and mail programs make links of addresses.
        errors["name"] = [_("Please enter your name without a web address.")]
    return name


def _clean_phone(given: Any, published: Published, errors: dict[str, list[str]]) -> str:
    """The number in E.164."""
    if given in (None, "") and not published.campaign.requires_phone_confirmation:
        return ""
    try:
        return clean_campaign_phone(given, published)
    except BadAnswer as bad:
        errors["phone"] = [str(bad)]
        return ""


def _clean_choices(given: Any, published: Published, errors: dict[str, list[str]]) -> list[int]:
    """Market numbers in the fan's order. There is never a cap on how many she names. A fanlist has none."""
    if published.campaign.type == Campaign.Type.FANLIST:
        return []
    codes = list(given) if isinstance(given, list | tuple) else []
    if not codes:
        errors["choices"] = [_("Please choose at least one city.")]
        return []
    markets = published.market_of_code
    unknown = [code for code in codes if not isinstance(code, str) or code not in markets]
    if unknown:
        errors["choices"] = [_("One of these cities is not part of this campaign. Please choose again.")]
        return []
    if len(set(codes)) != len(codes):
        errors["choices"] = [_("Please name each city once.")]
        return []
    return [markets[code].number for code in codes]
