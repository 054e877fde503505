"""REST: a fan registers, proves her address, and reads what she sent."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import NotAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle

from campaigns.api.fan import FAN_SECURITY, LOCALE, NO_SECURITY, FanEndpoint, Meeting, meet
from campaigns.published import Published
from core.parsing import body_of
from core.refusal import Invalid
from entries import registration
from entries.models import Entry
from entries.proof import FAN_DAYS, fan_token, read_fan_token
from entries.receipts import registration_receipt
from entries.registration import Form
from entries.standing import Standing, needs_phone, standing_of

MOST_LETTERS_OF_EMAIL = 1000
"""Normal forms cost time by the square of the length, so what is far too long for an address is not brought to one."""
_CHECK_YOUR_MAIL = {"status": "check_your_mail"}


class RegistrationSerializer(serializers.Serializer[Any]):
    """What a fan sends. Only described here: ``entries.registration`` checks it."""

    email = serializers.CharField()
    name = serializers.CharField(max_length=100)
    phone = serializers.CharField(required=False, help_text="With its country code, as in +1 213 555 0123.")
    choices = serializers.ListField(child=serializers.CharField(), help_text="Market codes, the favourite first.")
    answers = serializers.DictField(required=False, help_text="Answers by the key of their field.")
    locale = serializers.CharField(required=False, help_text="For the mails, as in `es_MX`.")
    password = serializers.CharField(
        required=False, help_text="The secret that the artist gave her fans, where the campaign asks for one."
    )


class RegisteredSerializer(serializers.Serializer[Any]):
    """The one answer to every accepted registration, whether the address was known or not."""

    status = serializers.ChoiceField(choices=["check_your_mail"])


class TokenSerializer(serializers.Serializer[Any]):
    """The token of a mailed link: what stands in its address behind ``confirm/``."""

    token = serializers.CharField()


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
    counts = serializers.BooleanField(help_text="Whether the entry takes part as it stands.")
    missing = serializers.ListField(
        child=serializers.ChoiceField(choices=["phone_confirmation"]), help_text="What the fan must still do."
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
        """Register. A mail proves the address; the answer is the same whether the address was known or not."""
        meeting = meet(request, domain)
        with meeting.spoken():
            form = read_form(body_of(request), meeting, asker=BaseThrottle().get_ident(request) or "")
            registration.register(published=meeting.published, form=form, now=meeting.now)
        return meeting.answer(_CHECK_YOUR_MAIL, status=status.HTTP_202_ACCEPTED)


def read_form(data: Mapping[str, Any], meeting: Meeting, *, asker: str) -> Form:
    """The form that a body holds; what it lacks or sends in another shape is left for the rules to refuse.

    :raises Invalid: answers or locale are of a kind that the rules do not know.
    """
    answers, locale, email = data.get("answers"), data.get("locale"), data.get("email", "")
    errors = {}
    if not (answers is None or isinstance(answers, dict)):
        errors["answers"] = [_("Send an object with an answer for each question.")]
    if not (locale is None or (isinstance(locale, str) and len(locale) <= MOST_LETTERS_OF_EMAIL)):
        errors["locale"] = [_("Send a locale as text, as in es_MX.")]
    if errors:
        raise Invalid(errors)
    return Form(
        email="" if isinstance(email, str) and len(email) > MOST_LETTERS_OF_EMAIL else email,
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
        request=TokenSerializer,
        responses=ConfirmedSerializer,
        auth=NO_SECURITY,
        tags=["fans"],
    )
    def post(self, request: Request, domain: str) -> Response:
        """Follow a mailed link: prove the address and put what was sent in force. Doing it again changes nothing."""
        meeting = meet(request, domain)
        token = body_of(request).get("token", "")
        with meeting.spoken():
            entry = registration.confirm(
                published=meeting.published, token=token if isinstance(token, str) else "", now=meeting.now
            )
        confirmed = {
            "entry": entry_part(entry, meeting.published),
            "fan_token": fan_token(campaign_id=meeting.campaign.pk, ref=entry.ref),
            "expires_in": FAN_DAYS * 24 * 3600,
        }
        return meeting.answer(confirmed)


class OwnEntryEndpoint(FanEndpoint):
    """A view of what is a fan's own: she is known by the token that the proof of her address gave her."""

    def get_authenticate_header(self, request: Request) -> str:
        """Name the scheme that a request without a good token lacks."""
        return 'Bearer realm="MonoQL fan"'

    def own_entry(self, request: Request, meeting: Meeting) -> Entry:
        """The entry whose fan is asking.

        :raises NotAuthenticated: the token is missing, too old, or another campaign's, or the entry is gone.
        """
        scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
        ref = None
        if scheme.lower() == "bearer":
            ref = read_fan_token(token.strip(), campaign_id=meeting.campaign.pk)
        entry = None
        if ref is not None:
            proved = Entry.objects.filter(campaign=meeting.campaign, ref=ref, email_confirmed_at__isnull=False)
            entry = proved.first()
        if entry is None:
            raise NotAuthenticated(_("Open the link in your mail again: this device no longer knows your entry."))
        return entry


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
        "counts": standing_of(entry) is Standing.COUNTS,
        "missing": ["phone_confirmation"] if needs_phone(entry) else [],
        "is_withdrawn": entry.withdrawn_at is not None,
        "created_at": entry.created_at,
        "updated_at": entry.updated_at,
    }
