"""REST: a fan confirms her phone."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.throttling import BaseThrottle

from campaigns.api.fan import FAN_SECURITY, LOCALE, meet
from core.parsing import body_of
from entries import phone
from entries.api import EntrySerializer, OwnEntryEndpoint, entry_part


class PhoneSerializer(serializers.Serializer[Any]):
    """Where the code goes."""

    number = serializers.CharField(
        required=False,
        help_text="Takes the place of the number that she gave, and ends its confirmation; left out: that number.",
    )


class CodeSentSerializer(serializers.Serializer[Any]):
    """A code is on its way. The answer is the same whoever has the number."""

    phone = serializers.CharField(help_text="E.164.")
    expires_at = serializers.DateTimeField()
    next_at = serializers.DateTimeField(help_text="When another code may be asked for.")


class PhoneCodeSerializer(serializers.Serializer[Any]):
    """What stands in the newest message."""

    code = serializers.CharField(help_text="Six digits.")


class OwnPhone(OwnEntryEndpoint):
    """The phone of a fan's entry."""

    @extend_schema(
        operation_id="entry_phone_send_code",
        parameters=[LOCALE],
        request=PhoneSerializer,
        responses={202: CodeSentSerializer},
        auth=FAN_SECURITY,
        tags=["fans"],
    )
    def post(self, request: Request, domain: str) -> Response:
        """Send a code to my phone, by text message. It works for ten minutes; older ones do not work any more.

        A minute lies between two codes, and there are limits for an entry, a number, a network and a country.
        """
        meeting = meet(request, domain)
        with meeting.spoken():
            entry = self.own_entry(request, meeting)
            sent = phone.send_code(
                published=meeting.published,
                entry=entry,
                asker=BaseThrottle().get_ident(request) or "",
                number=body_of(request).get("number"),
                now=meeting.now,
            )
        body = {"phone": sent.number, "expires_at": sent.expires_at, "next_at": sent.next_at}
        return meeting.answer(body, status=status.HTTP_202_ACCEPTED)


class OwnPhoneConfirmation(OwnEntryEndpoint):
    """The proof that a phone is the fan's."""

    @extend_schema(
        operation_id="entry_phone_confirm",
        parameters=[LOCALE],
        request=PhoneCodeSerializer,
        responses=EntrySerializer,
        auth=FAN_SECURITY,
        tags=["fans"],
    )
    def post(self, request: Request, domain: str) -> Response:
        """Confirm my phone by the code of the newest message. It works once, and five tries of it are looked at."""
        meeting = meet(request, domain)
        with meeting.spoken():
            entry = phone.confirm_code(
                published=meeting.published,
                entry=self.own_entry(request, meeting),
                code=body_of(request).get("code"),
                now=meeting.now,
            )
        return meeting.answer(entry_part(entry, meeting.published))
