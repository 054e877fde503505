"""Codes that the ticketing platform reports as used: by REST as they are used, or as a file.

A report can be repeated: a code counts once. One that nobody was given here is counted too, and is worth a look: it was
kept back and given elsewhere, or somebody has guessed or leaked it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from campaigns.lifecycle import check_unfinished
from campaigns.models import Campaign
from codes.models import Pool, Upload
from codes.ranges import locked
from codes.staging import make_tables, refuse, refuse_repeated, source_of, stage_codes, store_refusals
from core import audit
from core.jobs import Claim
from core.refusal import Refusal
from viewers.permissions import Action, require
from viewers.viewer import WORKER, Viewer

MOST_AT_ONCE = 1_000
STORED = "stored"
UNKNOWN = "The campaign has no such code."


class TooManyRedemptions(Refusal):
    """A report names more codes than are taken at once."""

    code = "too_many_redemptions"
    status = 400


@dataclass(frozen=True)
class Reported:
    """A code that was used; when, if the platform says."""

    code: str
    redeemed_at: datetime | None = None


@dataclass(frozen=True)
class Redeemed:
    """What became of a report, in numbers of different codes. ``never_given`` are some of those that were recorded."""

    recorded: int
    already: int
    unknown: int
    never_given: int


def redeem(*, campaign: Campaign, reported: Sequence[Reported], actor: Viewer, now: datetime) -> Redeemed:
    """Record that codes were used. Doing it again records nothing new.

    :raises TooManyRedemptions: there are more than 1,000; send the next ones in another request, or all in a file.
    """
    require(actor, Action.MANAGE_CODES, campaign.pk)
    check_unfinished(campaign)
    if len(reported) > MOST_AT_ONCE:
        raise TooManyRedemptions(f"Report at most {MOST_AT_ONCE:,} codes at once, or upload a file.", field="codes")
    values = [one.code for one in reported]
    times = [one.redeemed_at for one in reported]
    with transaction.atomic():
        source = "SELECT * FROM unnest(%(values)s::text[], %(times)s::timestamptz[]) AS one (value, at)"
        found = _record(campaign.pk, source, {"values": values, "times": times}, now)
        if found.recorded:
            audit.record(
                actor=actor,
                action="codes.redeem",
                target=campaign,
                campaign_id=campaign.pk,
                changes=_numbers(found),
                now=now,
            )
    return found


def read_redemptions(claim: Claim[Upload]) -> None:
    """Record the used codes that a file names; lines that name no code of the campaign are refused."""
    upload = claim.job
    with source_of(claim) as source:
        claim.enter("reading")
        with claim.transaction():
            make_tables()
            lines = stage_codes(claim, source)
            claim.announce("recording", total=lines)
            refuse_repeated()
            now = timezone.now()
            source_of_values = "SELECT value, NULL::timestamptz AS at FROM codes_staging"
            found = _record(upload.campaign_id, source_of_values, {}, now)
            refuse(
                """
                DELETE FROM codes_staging WHERE NOT EXISTS (
                    SELECT FROM codes_code AS code
                    WHERE code.campaign_id = %s AND code.value = codes_staging.value
                ) RETURNING line, %s
                """,
                [upload.campaign_id, UNKNOWN],
            )
            refusals = store_refusals(f"uploads/{upload.pk}/refused.csv")
            claim.write(
                phase=STORED,
                shape={**upload.shape, "never_given": found.never_given},
                lines=lines,
                added=found.recorded,
                already_there=found.already,
                refused=refusals.count,
                refused_lines=refusals.shown,
                refused_key=refusals.key,
            )
            audit.record(
                actor=WORKER,
                action="codes.redeem",
                target=upload,
                campaign_id=upload.campaign_id,
                changes=_numbers(found),
                now=now,
            )


def _record(campaign_id: int, source: str, parameters: dict[str, Any], now: datetime) -> Redeemed:
    """Record the codes of a query that gives values and times, and count them in their pools. One statement."""
    # Pools come before codes, in one order, so that two reports at once never wait in a circle.
    list(locked(Pool.objects.filter(campaign=campaign_id)).values_list("pk"))
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH reported AS MATERIALIZED (
                SELECT value COLLATE "C" AS value, min(at) AS at FROM ({source}) AS source GROUP BY 1
            ), known AS MATERIALIZED (
                SELECT code.id, reported.at FROM reported
                JOIN codes_code AS code ON code.campaign_id = %(campaign)s AND code.value = reported.value
            ), recorded AS (
                INSERT INTO codes_redemption (code_id, redeemed_at, reported_at)
                SELECT id, coalesce(at, %(now)s), %(now)s FROM known ORDER BY id
                ON CONFLICT (code_id) DO NOTHING RETURNING code_id
            ), counted AS (
                UPDATE codes_pool SET redeemed = redeemed + more.codes
                FROM (SELECT code_id >> 32 AS id, count(*) AS codes FROM recorded GROUP BY 1) AS more
                WHERE codes_pool.id = more.id
            )
            SELECT (SELECT count(*) FROM reported), (SELECT count(*) FROM known), count(*), count(*) FILTER (
                WHERE NOT EXISTS (SELECT FROM codes_formerassignment WHERE code_id = recorded.code_id)
                AND NOT EXISTS (
                    SELECT FROM codes_assignment AS assignment JOIN codes_hold AS hold ON hold.id = assignment.hold_id
                    WHERE assignment.code_id = recorded.code_id AND hold.status = 'assigned'
                      AND assignment.voided IN ('', 'taken_back')
                )
            ) FROM recorded
            """,  # noqa: S608  One of the two queries above.
            {**parameters, "campaign": campaign_id, "now": now},
        )
        reported, known, recorded, never_given = map(int, cursor.fetchone())
    return Redeemed(recorded=recorded, already=known - recorded, unknown=reported - known, never_given=never_given)


def _numbers(found: Redeemed) -> dict[str, list[int | None]]:
    """What the audit trail keeps of a report: never a code."""
    return {name: [None, count] for name, count in vars(found).items()}
