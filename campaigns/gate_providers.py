"""The gates' providers that this room knows: a sandbox, and the artist's own list of members."""

import unicodedata
from collections.abc import Mapping, Sequence

from django.conf import settings

from campaigns import gating
from campaigns.gating import Answer, Applicant
from campaigns.models import Field, Gate, Member

SANDBOX_RULES = (("fail+", Answer.FAILS), ("pending+", Answer.CANNOT_SAY))


class Sandbox:
    """Lets every gate be tried without an account anywhere: the beginning of the address decides."""

    kinds: Sequence[str] = tuple(Gate.Kind)
    title = "Sandbox"
    rule = "An address that begins with “fail+” fails, with “pending+” it cannot say, and all others pass."
    is_ours = True

    def check(self, gate: Gate, applicant: Applicant) -> Answer:
        """Follow the rule; where the sandbox is switched off, say nothing."""
        if not settings.GATE_SANDBOX:
            return Answer.CANNOT_SAY
        found = (answer for beginning, answer in SANDBOX_RULES if applicant.email.startswith(beginning))
        return next(found, Answer.PASSES)

    def answers(self) -> bool:
        """Only where anybody may try."""
        return settings.GATE_SANDBOX

    def problem(self, gate: Gate) -> Mapping[str, str]:
        """Real fans must not get in by their address's first letters."""
        return {} if settings.GATE_SANDBOX else {"provider": "The sandbox is switched off here (GATE_SANDBOX)."}


class FanClub:
    """Asks the artist's list of members: by the address, or by the number that the fan gave in the form."""

    kinds: Sequence[str] = (Gate.Kind.FAN_CLUB,)
    title = "The artist's member list"
    rule = (
        "A fan passes whose address stands in the artist's member list. Where “wanted” names a question of the form, "
        "its answer counts as a member number too."
    )
    is_ours = True

    def check(self, gate: Gate, applicant: Applicant) -> Answer:
        """Look her up. An artist without a list cannot say."""
        members = Member.objects.filter(artist__campaigns=applicant.campaign_id)
        if members.filter(email=applicant.email).exclude(email="").exists():
            return Answer.PASSES
        if members.filter(number__in=_numbers(gate, applicant)).exists():
            return Answer.PASSES
        return Answer.FAILS if members.exists() else Answer.CANNOT_SAY

    def answers(self) -> bool:
        """It is our own database."""
        return True

    def problem(self, gate: Gate) -> Mapping[str, str]:
        """There must be a list, and the question that it names."""
        if not gate.campaign_id:
            return {}
        if gate.wanted and not Field.objects.filter(campaign=gate.campaign_id, key=gate.wanted).exists():
            return {"wanted": "No question of the form has this key. Empty it to go by the address alone."}
        if not Member.objects.filter(artist__campaigns=gate.campaign_id).exists():
            return {"provider": "The artist has no member list yet: import it first."}
        return {}


def _numbers(gate: Gate, applicant: Applicant) -> list[str]:
    """The member numbers that an applicant brings, in their normal form."""
    is_identifier = gate.campaign.is_by_membership
    given = [applicant.supplied.get(gate.wanted) if gate.wanted else "", applicant.identifier if is_identifier else ""]
    texts = [str(value) for value in given if isinstance(value, str | int) and not isinstance(value, bool)]
    return [number for text in texts if (number := unicodedata.normalize("NFKC", text).strip())]


gating.register("sandbox", Sandbox())
gating.register("fan_club", FanClub())
