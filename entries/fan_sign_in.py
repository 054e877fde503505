"""Fans who are known by their account: a token from outside says who has signed in (spec: domain, authentication)."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.core import signing
from django.utils.translation import gettext as _

from campaigns import readiness
from campaigns.models import Campaign
from campaigns.readiness import Line
from core.normal_forms import BadIdentifier, check_deliverable, normalize_email, normalize_number
from core.refusal import Refusal
from viewers.issuers import Issuer
from viewers.outside_tokens import Subject, read_token

ACCOUNT_MINUTES = 60
_SALT = "entries.fan_sign_in.account"


class NotSignedIn(Refusal):
    """The campaign knows fans by their account, and nobody has signed in."""

    code = "not_signed_in"
    status = 401


class NotByAccount(Refusal):
    """The campaign knows fans in another way than by their account."""

    code = "not_by_account"


@dataclass(frozen=True)
class Account:
    """Who has signed in: the account's number in its normal form, and its address where its issuer has proved it."""

    id: str
    email: str = ""


def fan_issuer() -> str:
    """The name of the issuer whose accounts fans have: two issuers can both know a "4711", who are two people."""
    names = [issuer.name for issuer in settings.OUTSIDE_ISSUERS]
    return settings.FAN_ISSUER or (names[0] if len(names) == 1 else "")


def issuer_of_sign_in() -> Issuer | None:
    """The issuer with which fans sign in on our pages, if there is one."""
    found: Iterable[Issuer] = settings.OUTSIDE_ISSUERS
    return next((one for one in found if one.name == fan_issuer() and one.has_sign_in), None)


@readiness.register
def accounts(campaign: Campaign, now: datetime) -> Iterable[Line]:
    """Where fans are known by their account, there must be an issuer with which they can sign in."""
    if campaign.is_by_account and issuer_of_sign_in() is None:
        text = (
            "Fans are known by their account, and nobody could sign in: set FAN_ISSUER on the servers, and its"
            " authorize_url and token_url in OUTSIDE_ISSUERS."
        )
        yield Line(text, is_red=True, section="registration")


def account_of_token(token: Any) -> Account:
    """Whom an id token names.

    :raises NotSignedIn: there is none, or its issuer is not the one with which fans sign in.
    :raises TokenRefused: it is not a good one.
    """
    if not isinstance(token, str) or not token:
        raise NotSignedIn(_("Sign in first: this campaign knows fans by their account."))
    return account_of(read_token(token, kind="id"))


def account_of(subject: Subject) -> Account:
    """The account of whom a good id token names.

    :raises NotSignedIn: its issuer is not the one with which fans sign in.
    """
    if subject.issuer.name != fan_issuer():
        raise NotSignedIn(_("This account is not one that fans sign in with here."))
    try:
        number = normalize_number(subject.id)
    except BadIdentifier as bad:
        raise NotSignedIn(str(bad)) from bad
    return Account(id=number, email=_normal_email(subject.email) if subject.is_email_verified else "")


def _normal_email(address: str) -> str:
    """The address in its normal form; empty for one that no mail server would take."""
    try:
        email = normalize_email(address)
        check_deliverable(email)
    except BadIdentifier:
        return ""
    return email


def account_token(account: Account, *, campaign_id: int) -> str:
    """What a browser keeps of a sign-in until the form is sent."""
    return signing.dumps([campaign_id, account.id, account.email], salt=_SALT)


def read_account_token(token: str, *, campaign_id: int) -> Account | None:
    """The account that such a token names in this campaign, or ``None``."""
    try:
        named, number, email = signing.loads(token, salt=_SALT, max_age=ACCOUNT_MINUTES * 60)
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return Account(id=str(number), email=str(email)) if named == campaign_id else None
