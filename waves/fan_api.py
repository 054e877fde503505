"""REST: a fan's entry with what the waves made of it, and her receipt of a wave."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response

from campaigns.api.fan import FAN_SECURITY, LOCALE, Meeting, meet
from codes.models import Assignment
from core.parsing import body_of
from entries import own_entry
from entries.api import EntrySerializer, OwnEntryEndpoint, RegistrationSerializer, entry_part, read_form
from entries.models import Entry
from waves.explanation import Named, Outcome, outcomes
from waves.models import Draw
from waves.proof import line_of, wave_receipt


class FullMarketSerializer(serializers.Serializer[Any]):
    """Why a market had no place for a fan."""

    market = serializers.CharField()
    choice = serializers.IntegerField(help_text="Which of the fan's wishes in this wave it was, from 1.")
    because = serializers.CharField(
        help_text="`earlier_numbers`: its last place went to an earlier number; `higher_on_lists`: all went to fans "
        "who had it higher on their list; `drawn_before`: others were drawn before; `no_places`: there were none."
    )
    last_ticket = serializers.CharField(help_text="The last number drawn, for `earlier_numbers`; else empty.")


class OutcomeSerializer(serializers.Serializer[Any]):
    """What one wave made of an entry."""

    wave = serializers.CharField(help_text="The wave's dateKey; empty for a code that was given by hand.")
    is_selected = serializers.BooleanField()
    market = serializers.CharField(help_text="The market's code; empty where not selected, like all that follows.")
    event = serializers.CharField(help_text="The event's code; empty where the code opens any of the market's.")
    choice = serializers.IntegerField(help_text="Which of the fan's wishes in this wave it was, from 1; else 0.")
    code = serializers.CharField(
        help_text="The access code; empty where the campaign tells it in the mail alone, or where it is tied to an "
        "account and the token comes from a mailed link."
    )
    is_tied_to_account = serializers.BooleanField(help_text="Whether only who signs in with her account sees the code.")
    link = serializers.CharField(help_text="Where the code is used.")
    presale_start_at = serializers.DateTimeField(allow_null=True)
    presale_end_at = serializers.DateTimeField(allow_null=True)
    timezone = serializers.CharField(help_text="The zone of the venue.")
    reason = serializers.CharField(
        help_text="Why not: `markets_full`, `voided`, `taken_back`, `after_freeze` (the entry came later), or a reason "
        "of the draw's snapshot."
    )
    voided_because = serializers.CharField(help_text="For `voided`: `withdrawn`, `excluded` or `erased`.")
    full_markets = serializers.ListField(child=serializers.CharField())
    ticket = serializers.CharField(
        help_text="Her number in the draw, 16 hex digits, lower is earlier; only for `markets_full`, like `why`."
    )
    why = FullMarketSerializer(many=True)


class OwnEntrySerializer(EntrySerializer):
    """A fan's entry, and what the waves made of it, the newest first."""

    outcomes = OutcomeSerializer(many=True)


class StepSerializer(serializers.Serializer[Any]):
    """One step of a Merkle proof."""

    side = serializers.ChoiceField(choices=["left", "right"])
    hash = serializers.CharField()


class WaveReceiptSerializer(serializers.Serializer[Any]):
    """A fan's receipt of a wave, by which anybody can check her place in the draw."""

    campaign = serializers.CharField()
    wave = serializers.CharField()
    number = serializers.IntegerField()
    entries = serializers.IntegerField()
    identifier = serializers.CharField()
    fan_key = serializers.CharField()
    ref = serializers.CharField()
    line = serializers.CharField()
    index = serializers.IntegerField()
    proof = StepSerializer(many=True)
    root = serializers.CharField()  # type: ignore[assignment]  # REST framework takes fields off the class.
    ticket = serializers.CharField()
    outcome = serializers.CharField(help_text="`placed`, `markets_full`, or the snapshot's reason.")
    market = serializers.CharField(required=False, help_text="Only for `placed`, like the three that follow.")
    choice = serializers.IntegerField(required=False)
    event = serializers.CharField(required=False, help_text="Empty where the market's events share one pool.")
    position = serializers.IntegerField(required=False)


class OwnEntry(OwnEntryEndpoint):
    """A fan's entry."""

    @extend_schema(
        operation_id="entry_retrieve",
        parameters=[LOCALE],
        responses=OwnEntrySerializer,
        auth=FAN_SECURITY,
        tags=["fans"],
    )
    def get(self, request: Request, domain: str) -> Response:
        """What I sent, whether it counts, and what each wave made of it."""
        meeting = meet(request, domain)
        with meeting.spoken():
            entry = self.own_entry(request, meeting)
            found = self._outcomes(request, entry, meeting)
        return _shown(entry, found, meeting)

    def _outcomes(self, request: Request, entry: Entry, meeting: Meeting) -> Sequence[Outcome]:
        return outcomes(entry, meeting.published, is_signed_in=self.is_signed_in(request, meeting))

    @extend_schema(
        operation_id="entry_change",
        parameters=[LOCALE],
        request=RegistrationSerializer,
        responses=OwnEntrySerializer,
        auth=FAN_SECURITY,
        tags=["fans"],
    )
    def put(self, request: Request, domain: str) -> Response:
        """Change my entry, or enter again after I withdrew: what I send takes the place of what it held, at once.

        Address and number stay mine: what is sent for them is not read, unless the campaign knows me by my account.
        """
        meeting = meet(request, domain)
        with meeting.spoken():
            entry = self.own_entry(request, meeting)
            form = read_form(body_of(request), meeting, asker="")
            entry = own_entry.change(published=meeting.published, entry=entry, form=form, now=meeting.now)
            found = self._outcomes(request, entry, meeting)
        return _shown(entry, found, meeting)

    @extend_schema(
        operation_id="entry_withdraw",
        parameters=[LOCALE],
        responses={200: OwnEntrySerializer},
        auth=FAN_SECURITY,
        tags=["fans"],
    )
    def delete(self, request: Request, domain: str) -> Response:
        """Withdraw my entry until the campaign closes. It can be read on, and entering again keeps its ref."""
        meeting = meet(request, domain)
        with meeting.spoken():
            entry = self.own_entry(request, meeting)
            entry = own_entry.withdraw(published=meeting.published, entry=entry, now=meeting.now)
            found = self._outcomes(request, entry, meeting)
        return _shown(entry, found, meeting)


def _shown(entry: Entry, found: Sequence[Outcome], meeting: Meeting) -> Response:
    shown = [_outcome_part(outcome) for outcome in found]
    return meeting.answer({**entry_part(entry, meeting.published), "outcomes": shown})


def _outcome_part(outcome: Outcome) -> dict[str, Any]:
    return {
        "wave": outcome.wave.date_key if outcome.wave is not None else "",
        "is_selected": outcome.is_selected,
        "market": outcome.market.code if outcome.market else "",
        "event": outcome.event.code if outcome.event else "",
        "choice": outcome.choice,
        "code": outcome.code,
        "is_tied_to_account": outcome.is_tied,
        "link": outcome.link,
        "presale_start_at": outcome.presale_start_at,
        "presale_end_at": outcome.presale_end_at,
        "timezone": outcome.zone.key,
        "reason": outcome.reason,
        "voided_because": outcome.voided_because,
        "full_markets": [market.code for market in outcome.full_markets],
        "ticket": outcome.why.ticket if outcome.why is not None else "",
        "why": [_full_part(named) for named in outcome.why.full] if outcome.why is not None else [],
    }


BECAUSE = {
    "ticket": "earlier_numbers",
    "choice": "higher_on_lists",
    "tier": "drawn_before",
    "no_places": "no_places",
}
"""Why a market was full, in words that say nothing of scores."""


def _full_part(named: Named) -> dict[str, Any]:
    last = named.cutoff if named.full_by == "ticket" else None
    return {
        "market": named.market.code,
        "choice": named.choice,
        "because": BECAUSE[named.full_by],
        "last_ticket": f"{last.ticket:016x}" if last is not None else "",
    }


class OwnWaveReceipt(OwnEntryEndpoint):
    """A fan's receipt of a wave."""

    @extend_schema(
        operation_id="entry_wave_receipt",
        parameters=[LOCALE],
        responses=WaveReceiptSerializer,
        auth=FAN_SECURITY,
        tags=["fans"],
    )
    def get(self, request: Request, domain: str, date_key: str) -> Response:
        """My receipt of a triggered wave: my line of its snapshot, the way from it to the root, and the outcome."""
        meeting = meet(request, domain)
        with meeting.spoken():
            entry = self.own_entry(request, meeting)
            draw = (
                Draw.objects.select_related("wave", "campaign__draw_secrets")
                .filter(campaign=meeting.campaign, wave__date_key=date_key, wave__triggered_at__isnull=False)
                .first()
            )
            try:
                receipt = receipt_with_outcome(draw, entry) if draw is not None else None
            except LookupError:
                receipt = None
            if receipt is None:
                raise NotFound(_("Your entry took no part in a wave of this time."))
        return meeting.answer(receipt)


def receipt_with_outcome(draw: Draw, entry: Entry) -> dict[str, object]:
    """A fan's receipt of a triggered wave, whole as spec/draw.md lists it.

    A place that was voided after the freeze stays in the allocation, so here it reads ``placed``.

    :raises LookupError: the entry came after the freeze.
    """
    receipt = wave_receipt(draw, entry)
    assignment = (
        Assignment.objects.select_related("market", "event")
        .filter(entry_id=entry.pk, hold__wave_prep__wave=draw.wave_id)
        .first()
    )
    if assignment is None:
        return {**receipt, "outcome": line_of(draw, entry.ref).reason or "markets_full"}
    return {
        **receipt,
        "outcome": "placed",
        "market": assignment.market.code,
        "choice": assignment.choice,
        "event": assignment.event.code if assignment.event is not None else "",
        "position": assignment.position,
    }
