"""What all draws of a campaign share: numbers without a gap, commitments, and that each names the one before."""

from collections.abc import Iterator
from hashlib import sha256

from campaigns import secrets
from campaigns.models import Campaign
from codes.models import Hold
from waves.models import Draw
from waves.rules import BadRules, Rules


def deviations(campaign: Campaign) -> Iterator[str]:
    """Each place where the draws of a campaign do not follow one another."""
    draws = list(Draw.objects.filter(campaign=campaign).select_related("wave").order_by("number"))
    numbers = [draw.number for draw in draws]
    if numbers != list(range(1, len(numbers) + 1)):
        yield f"the numbers of its draws are {numbers}"
    if draws:
        yield from _of_commitments(campaign)
    yield from _of_the_line(draws)
    astray = campaign.holds.filter(kind=Hold.Kind.WAVE, wave_prep=None).exclude(status=Hold.Status.RELEASED).count()
    if astray:
        yield f"{astray:,} holds are kept for waves, and belong to none"


def _of_commitments(campaign: Campaign) -> Iterator[str]:
    commitments = campaign.draw_secrets.commitments
    if len(commitments) != secrets.SECRETS:
        yield f"it committed to {len(commitments)} secrets"
    for number, commitment in enumerate(commitments, start=1):
        if sha256(secrets.secret_of(campaign, number)).hexdigest() != commitment:
            yield f"the secret of number {number} is not the one that was committed to"


def _of_the_line(draws: list[Draw]) -> Iterator[str]:
    """Each draw's rules name the hashes of the last one before it that was triggered."""
    allocation, voided = "", ""
    for draw in draws:
        try:
            rules = Rules.from_json(bytes(draw.rules))
            told = (rules.previous_allocation_sha256, rules.previous_voided_sha256)
        except BadRules:
            told = None  # The wave itself says why.
        if told != (allocation, voided):
            yield f"wave {draw.wave.date_key} names another draw before it than there was"
        if draw.wave.triggered_at is not None:
            allocation, voided = draw.allocation_sha256, draw.voided_sha256
