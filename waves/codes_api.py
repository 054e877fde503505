"""REST: whose a code is, and the codes that one fan is given, has replaced or taken back by hand."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.api.writing import CampaignField
from campaigns.models import Campaign
from codes.models import Assignment, Code, Hold, Pool
from core.masking import masked_end
from core.parsing import body_of
from entries.models import Entry
from viewers.api import StaffEndpoint
from viewers.permissions import Action
from waves import by_hand
from waves.account_check import is_code_of_account

BIG = 2**63 - 1


class CheckSerializer(serializers.Serializer[Any]):
    """A code, and the account that somebody uses it with."""

    campaign = CampaignField()
    code = serializers.CharField(max_length=400, allow_blank=True)
    account = serializers.CharField(
        max_length=400,
        required=False,
        default="",
        allow_blank=True,
        help_text="The address or number by which the campaign knows its fans. It counts where the code's pool is tied "
        "to accounts.",
    )


class CheckedSerializer(serializers.Serializer[Any]):
    """Whether the code opens the presale for the account."""

    is_valid = serializers.BooleanField()  # type: ignore[assignment]  # REST framework takes fields off the class.


class CheckCode(StaffEndpoint):
    """Whose a code is."""

    required_action = Action.MANAGE_CODES

    @extend_schema(
        operation_id="codes_check", request=CheckSerializer, responses={200: CheckedSerializer}, tags=["codes"]
    )
    def post(self, request: Request) -> Response:
        """Ask whether a code opens the presale for an account.

        An unknown code, somebody else's, one that was replaced or taken back and one whose wave was not triggered yet
        are answered alike, after the same time.
        """
        asked = CheckSerializer(data=body_of(request), context={"view": self})
        asked.is_valid(raise_exception=True)
        values = asked.validated_data
        is_valid = is_code_of_account(
            campaign=values["campaign"], code=values["code"], account=values["account"], actor=self.viewer
        )
        return Response({"is_valid": is_valid})


class FanSerializer(serializers.Serializer[Any]):
    """A fan's entry, and why something is done about her code."""

    campaign = CampaignField()
    ref = serializers.RegexField("^[0-9a-f]{32}$", help_text="The entry's ref.")
    reason = serializers.CharField(max_length=500, help_text="It stays in the history; she does not read it.")

    def validate(self, attrs: Any) -> Any:
        """Find the entry."""
        entries = Entry.objects.select_related("campaign").filter(campaign=attrs["campaign"], ref=attrs["ref"])
        entry = entries.first()
        if entry is None:
            raise serializers.ValidationError({"ref": ["The campaign has no such entry."]})
        return {**attrs, "entry": entry}


class GiftSerializer(FanSerializer):
    """A code for one fan."""

    pool = serializers.IntegerField(min_value=1, max_value=BIG, help_text="The pool's id, as the counts name it.")

    def validate(self, attrs: Any) -> Any:
        """Find the pool."""
        attrs = super().validate(attrs)
        pools = Pool.objects.select_related("market__venue", "event")
        pool = pools.filter(campaign=attrs["campaign"], pk=attrs["pool"]).first()
        if pool is None:
            raise serializers.ValidationError({"pool": ["The campaign has no such pool."]})
        return {**attrs, "pool": pool}


class FansCodeSerializer(FanSerializer):
    """One of a fan's codes: of a wave, or the one that she was given by hand."""

    wave = serializers.CharField(
        max_length=17, required=False, default="", allow_blank=True, help_text="The wave's dateKey; empty for a gift."
    )
    code_type = serializers.CharField(
        max_length=40, required=False, default="presale", help_text="Which gift, where there are several types."
    )

    def validate(self, attrs: Any) -> Any:
        """Find the assignment."""
        attrs = super().validate(attrs)
        holds = _holds_of(attrs["campaign"], attrs["wave"], attrs["code_type"])
        found = Assignment.objects.filter(entry_id=attrs["entry"].pk, hold__in=holds).first()
        if found is None:
            raise serializers.ValidationError({"wave" if attrs["wave"] else "ref": ["She has no such code."]})
        return {**attrs, "assignment": found}


def _holds_of(campaign: Campaign, wave: str, code_type: str) -> list[int]:
    holds = Hold.objects.filter(campaign=campaign)
    own = holds.filter(wave_prep__wave__date_key=wave) if wave else holds.filter(kind="hand", code_type=code_type)
    return list(own.values_list("pk", flat=True))


class GivenSerializer(serializers.Serializer[Any]):
    """What a fan has now. All of the code but its end is hidden: she reads it on her page and in her mail."""

    ref = serializers.CharField()
    pool = serializers.IntegerField()
    code = serializers.CharField()
    is_in_force = serializers.BooleanField()


class ByHandEndpoint(StaffEndpoint):
    """What is done about one fan's code."""

    required_action = Action.MANAGE_CODES

    def values(self, request: Request, kind: type[FanSerializer]) -> dict[str, Any]:
        """What was sent.

        :raises ValidationError: entry, pool or code are not there.
        """
        asked = kind(data=body_of(request), context={"view": self})
        asked.is_valid(raise_exception=True)
        values: dict[str, Any] = asked.validated_data
        return values

    def shown(self, entry: Entry, assignment: Assignment, *, status: int = status.HTTP_200_OK) -> Response:
        """The answer."""
        value = Code.objects.values_list("value", flat=True).get(pk=assignment.code_id)
        body = {
            "ref": entry.ref,
            "pool": assignment.code_id >> 32,
            "code": masked_end(value),
            "is_in_force": not assignment.voided,
        }
        return Response(body, status=status)


class GiveCode(ByHandEndpoint):
    """A code for one fan."""

    @extend_schema(operation_id="codes_give", request=GiftSerializer, responses={201: GivenSerializer}, tags=["codes"])
    def post(self, request: Request) -> Response:
        """Give one fan a free code of a pool. She is told by mail. A fan gets one of each type."""
        values = self.values(request, GiftSerializer)
        given = by_hand.give(
            entry=values["entry"],
            pool=values["pool"],
            reason=values["reason"],
            actor=self.viewer,
            now=timezone.now(),
        )
        return self.shown(values["entry"], given, status=status.HTTP_201_CREATED)


class ReplaceFansCode(ByHandEndpoint):
    """Another code in the place of a fan's faulty one."""

    @extend_schema(
        operation_id="codes_given_replace",
        request=FansCodeSerializer,
        responses={200: GivenSerializer},
        tags=["codes"],
    )
    def post(self, request: Request) -> Response:
        """Replace a fan's code by a free one of the same pool. The old one is revoked, and she is told by mail."""
        values = self.values(request, FansCodeSerializer)
        new = by_hand.replace(
            assignment=values["assignment"], reason=values["reason"], actor=self.viewer, now=timezone.now()
        )
        return self.shown(values["entry"], new)


class TakeFansCodeBack(ByHandEndpoint):
    """A code that is not a fan's any more."""

    @extend_schema(
        operation_id="codes_given_take_back",
        request=FansCodeSerializer,
        responses={200: GivenSerializer},
        tags=["codes"],
    )
    def post(self, request: Request) -> Response:
        """Take a fan's code back. It is revoked, her place is not filled again, and she is told by mail."""
        values = self.values(request, FansCodeSerializer)
        taken = by_hand.take_back(
            assignment=values["assignment"], reason=values["reason"], actor=self.viewer, now=timezone.now()
        )
        return self.shown(values["entry"], taken)
