"""REST: a fan registers, proves her address, and reads what she sent."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import NotAuthenticated, NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle

from campaigns.api.fan import FAN_SECURITY, LOCALE, NO_SECURITY, FanEndpoint, Meeting, meet
from campaigns.published import Published
from core.parsing import body_of
from core.refusal import Invalid
from entries import own_entry, registration
from entries.consents import texts_of
from entries.fan_sign_in import account_of_token
from entries.form import Form
from entries.mail_codes import confirm_by_code
from entries.models import Entry
from entries.proof import FAN_DAYS, fan_token, is_signed_in_by, read_fan_token
from entries.receipts import registration_receipt
from entries.standing import Standing, needs_phone, standing_of

MOST_LETTERS_OF_EMAIL = 1000
"""Normal forms cost time by the square of the length, so what is far too long for an address is not brought to one."""
_CHECK_YOUR_MAIL = {"status": "check_your_mail"}


class RegistrationSerializer(serializers.Serializer[Any]):
    """What a fan sends. Only described here: ``entries.registration`` checks it."""

    email = serializers.CharField(required=False, help_text="Needed unless the account of an `id_token` proves one.")
    member_id = serializers.CharField(
        required=False, help_text="Her number in the fan club, where `identifier_type` is `memberId`."
    )
    id_token = serializers.CharField(
        required=False, help_text="Who has signed in, where `identifier_type` is `globalUserId`."
    )
    name = serializers.CharField(max_length=100)
    phone = serializers.CharField(required=False, help_text="With its country code, as in +1 213 555 0123.")
    is_old_enough = serializers.BooleanField(
        required=False, help_text="That she has ticked the box for the `minimum_age`, where there is one."
    )
    choices = serializers.ListField(child=serializers.CharField(), help_text="Market codes, the favourite first.")
    answers = serializers.DictField(required=False, help_text="Answers by the key of their field.")
    locale = serializers.CharField(required=False, help_text="For the mails, as in `es_MX`.")
    password = serializers.CharField(
        required=False, help_text="The secret that the artist gave her fans, where the campaign asks for one."
    )


class RegisteredSerializer(serializers.Serializer[Any]):
    """The one answer to every accepted registration, whether the address was known or not."""

    status = serializers.ChoiceField(choices=["check_your_mail"])


class ProofSerializer(serializers.Serializer[Any]):
    """The token of a mailed link, or the mail's six digits with the address that it went to."""

    token = serializers.CharField(required=False, help_text="What stands in the link behind `confirm/`.")
    code = serializers.CharField(required=False, help_text="Six digits; `email` or `member_id` must say whose.")
    email = serializers.CharField(required=False)
    member_id = serializers.CharField(required=False)


class WhoSerializer(serializers.Serializer[Any]):
    """By what the campaign knows a fan: `email`, or `member_id` where its `identifier_type` is `memberId`."""

    email = serializers.CharField(required=False)
    member_id = serializers.CharField(required=False)


class IdTokenSerializer(serializers.Serializer[Any]):
    """Who has signed in with the ticketing company."""

    id_token = serializers.CharField()


class ConsentSerializer(serializers.Serializer[Any]):
    """One consent: when it was given, and to which words."""

    at = serializers.CharField(help_text="UTC.")
    version = serializers.CharField(help_text="The beginning of the text's SHA-256, 16 hex digits.")
    text = serializers.CharField()


class EntrySerializer(serializers.Serializer[Any]):
    """What a fan has sent, and whether it counts."""

    campaign = serializers.CharField()
    ref = serializers.CharField(help_text="The entry's name in the draw's files, 32 hex digits.")
    email = serializers.CharField()
    name = serializers.CharField()
    phone = serializers.CharField()
    locale = serializers.CharField()
    choices = serializers.ListField(child=serializers.CharField())
    answers = serializers.DictField()
    consents = serializers.DictField(
        child=ConsentSerializer(), help_text="By the key of the field; `_age` is the minimum age."
    )
    counts = serializers.BooleanField(help_text="Whether the entry takes part as it stands.")
    missing = serializers.ListField(
        child=serializers.ChoiceField(choices=["email_confirmation", "phone_confirmation"]),
        help_text="What the fan must still do.",
    )
    is_withdrawn = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()


class ConfirmedSerializer(serializers.Serializer[Any]):
    """The entry in force, and the token that shows it."""

    entry = EntrySerializer()
    fan_token = serializers.CharField(help_text="For the header `Authorization: Bearer …`.")
    expires_in = serializers.IntegerField(help_text="Seconds.")


class RegistrationReceiptSerializer(serializers.Serializer[Any]):
    """A fan's proof that she registered: exact JSON text, and an Ed25519 signature over its bytes."""

    receipt = serializers.CharField()
    signature = serializers.CharField(help_text="128 hex digits.")
    signing_key = serializers.CharField(help_text="64 hex digits.")


class Entries(FanEndpoint):
    """Registration."""

    @extend_schema(
        operation_id="entry_register",
        parameters=[LOCALE],
        request=RegistrationSerializer,
        responses={202: RegisteredSerializer},
        auth=NO_SECURITY,
        tags=["fans"],
    )
    def post(self, request: Request, domain: str) -> Response:
        """Register. A mail proves the address; the answer is the same whether the address was known or not.

        Where the campaign knows fans by their account, send an `id_token`: the entry is in force at once, and
        `entries/sign-in/` with the same token shows it.
        """
        meeting = meet(request, domain)
        with meeting.spoken():
            form = read_form(body_of(request), meeting, asker=BaseThrottle().get_ident(request) or "")
            if form.account is not None:
                own_entry.register_account(published=meeting.published, form=form, now=meeting.now)
            else:
                registration.register(published=meeting.published, form=form, now=meeting.now)
        return meeting.answer(_CHECK_YOUR_MAIL, status=status.HTTP_202_ACCEPTED)


def read_form(data: Mapping[str, Any], meeting: Meeting, *, asker: str) -> Form:
    """The form that a body holds; what it lacks or sends in another shape is left for the rules to refuse.

    :raises Invalid: answers or locale are of a kind that the rules do not know.
    :raises TokenRefused: the token of an account is not a good one.
    """
    answers, locale, email = data.get("answers"), data.get("locale"), data.get("email", "")
    errors = {}
    if not (answers is None or isinstance(answers, dict)):
        errors["answers"] = [_("Send an object with an answer for each question.")]
    if not (locale is None or (isinstance(locale, str) and len(locale) <= MOST_LETTERS_OF_EMAIL)):
        errors["locale"] = [_("Send a locale as text, as in es_MX.")]
    if errors:
        raise Invalid(errors)
    id_token = data.get("id_token")
    return Form(
        email="" if isinstance(email, str) and len(email) > MOST_LETTERS_OF_EMAIL else email,
        member_id=data.get("member_id", ""),
        is_old_enough=data.get("is_old_enough", False),
        account=account_of_token(id_token) if meeting.campaign.is_by_account and id_token else None,
        name=data.get("name", ""),
        phone=data.get("phone", ""),
        choices=data.get("choices", ()),
        answers=answers or {},
        locale=locale or meeting.locale.code,
        password=data.get("password", ""),
        asker=asker,
    )


class Confirmation(FanEndpoint):
    """The proof of an address."""

    @extend_schema(
        operation_id="entry_confirm",
        parameters=[LOCALE],
        request=ProofSerializer,
        responses=ConfirmedSerializer,
        auth=NO_SECURITY,
        tags=["fans"],
    )
    def post(self, request: Request, domain: str) -> Response:
        """Prove the address and put what was sent in force, by the mail's link or by its code.

        Following the link again changes nothing. The code works once, for an hour, and five tries an hour are taken.
        """
        meeting = meet(request, domain)
        data = body_of(request)
        token, code = data.get("token", ""), data.get("code", "")
        with meeting.spoken():
            if code and not token:
                entry = confirm_by_code(
                    published=meeting.published,
                    email=short_text(data.get("email")),
                    member_id=short_text(data.get("member_id")),
                    code=code,
                    now=meeting.now,
                )
            else:
                entry = own_entry.confirm(
                    published=meeting.published, token=token if isinstance(token, str) else "", now=meeting.now
                )
        return meeting.answer(_confirmed(entry, meeting))


def short_text(given: Any) -> str:
    """What may be an address or a number; what is far too long or no text is none."""
    return given if isinstance(given, str) and len(given) <= MOST_LETTERS_OF_EMAIL else ""


def _confirmed(entry: Entry, meeting: Meeting, *, is_signed_in: bool = False) -> dict[str, Any]:
    """The values of ``ConfirmedSerializer``."""
    return {
        "entry": entry_part(entry, meeting.published),
        "fan_token": fan_token(campaign_id=meeting.campaign.pk, ref=entry.ref, is_signed_in=is_signed_in),
        "expires_in": FAN_DAYS * 24 * 3600,
    }


class SendLink(FanEndpoint):
    """The way back to an entry."""

    @extend_schema(
        operation_id="entry_send_link",
        parameters=[LOCALE],
        request=WhoSerializer,
        responses={202: RegisteredSerializer},
        auth=NO_SECURITY,
        tags=["fans"],
    )
    def post(self, request: Request, domain: str) -> Response:
        """Mail a link that opens an entry. The answer is the same whether there is one or not."""
        meeting = meet(request, domain)
        data = body_of(request)
        with meeting.spoken():
            registration.send_link(
                published=meeting.published,
                email=short_text(data.get("email")),
                member_id=short_text(data.get("member_id")),
                now=meeting.now,
            )
        return meeting.answer(_CHECK_YOUR_MAIL, status=status.HTTP_202_ACCEPTED)


class SignIn(FanEndpoint):
    """The entry of a fan who is known by her account."""

    @extend_schema(
        operation_id="entry_sign_in",
        parameters=[LOCALE],
        request=IdTokenSerializer,
        responses=ConfirmedSerializer,
        auth=NO_SECURITY,
        tags=["fans"],
    )
    def post(self, request: Request, domain: str) -> Response:
        """Open the entry of the account that an id token names."""
        meeting = meet(request, domain)
        with meeting.spoken():
            own_entry.check_by_account(meeting.campaign)
            account = account_of_token(body_of(request).get("id_token"))
            entry = own_entry.entry_of_account(meeting.published, account)
            if entry is None:
                raise NotFound(_("This account has no entry here."))
        return meeting.answer(_confirmed(entry, meeting, is_signed_in=True))


class OwnEntryEndpoint(FanEndpoint):
    """A view of what is a fan's own: she is known by the token that the proof of her address gave her."""

    def get_authenticate_header(self, request: Request) -> str:
        """Name the scheme that a request without a good token lacks."""
        return 'Bearer realm="MonoQL fan"'

    def own_entry(self, request: Request, meeting: Meeting) -> Entry:
        """The entry whose fan is asking.

        :raises NotAuthenticated: the token is missing, too old, or another campaign's, or the entry is gone.
        """
        ref = read_fan_token(_token_of(request), campaign_id=meeting.campaign.pk)
        entry = None
        if ref is not None:
            entry = own_entry.entry_of_ref(meeting.campaign, ref)
        if entry is None and meeting.campaign.is_by_account:
            raise NotAuthenticated(_("Sign in again: this device no longer knows your entry."))
        if entry is None:
            raise NotAuthenticated(_("Open the link in your mail again: this device no longer knows your entry."))
        return entry

    def is_signed_in(self, request: Request, meeting: Meeting) -> bool:
        """Whether the fan has her token from signing in with her account."""
        return is_signed_in_by(_token_of(request), campaign_id=meeting.campaign.pk)


def _token_of(request: Request) -> str:
    """The fan token that a request sends; empty where it sends none."""
    scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


class OwnReceipt(OwnEntryEndpoint):
    """The signed receipt of a registration."""

    @extend_schema(
        operation_id="entry_receipt",
        parameters=[LOCALE],
        responses=RegistrationReceiptSerializer,
        auth=FAN_SECURITY,
        tags=["fans"],
    )
    def get(self, request: Request, domain: str) -> Response:
        """My signed receipt: whoever was registered and is missing from a draw can prove it."""
        meeting = meet(request, domain)
        with meeting.spoken():
            entry = self.own_entry(request, meeting)
        return meeting.answer(registration_receipt(entry, meeting.published))


def entry_part(entry: Entry, published: Published) -> dict[str, Any]:
    """The values of ``EntrySerializer``."""
    codes = dict(published.campaign.markets.values_list("number", "code"))
    return {
        "campaign": published.campaign.domain,
        "ref": entry.ref,
        "email": entry.email,
        "name": entry.name,
        "phone": entry.phone,
        "locale": entry.locale_id,
        "choices": [codes[number] for number in entry.choices],
        "answers": entry.answers,
        "consents": _consents_part(entry, published),
        "counts": standing_of(entry) is Standing.COUNTS,
        "missing": missing_of(entry),
        "is_withdrawn": entry.withdrawn_at is not None,
        "created_at": entry.created_at,
        "updated_at": entry.updated_at,
    }


def missing_of(entry: Entry) -> list[str]:
    """What a fan must still do for her entry to count."""
    missing = ["email_confirmation"] if entry.email_confirmed_at is None else []
    return [*missing, *(["phone_confirmation"] if needs_phone(entry) else [])]


def _consents_part(entry: Entry, published: Published) -> dict[str, dict[str, str]]:
    if not entry.consents:
        return {}
    words = texts_of(published.campaign, entry.consents)
    return {key: {**consent, "text": words[key]} for key, consent in entry.consents.items()}
