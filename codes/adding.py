"""The work of an upload: its lines are read, checked in sets, numbered and inserted, in one transaction.

The result is written with the codes, so it is all or nothing, whoever dies when; and whoever cancels keeps nothing.
"""

from collections.abc import Mapping
from datetime import datetime

from django.utils import timezone

from codes.format_rules import refuse_misfits
from codes.models import Upload
from codes.places import Place, Places
from codes.staging import Refusals, make_tables, source_of, stage_codes, store_refusals
from codes.storing import insert_sorted, pools_of, sort_staged, take_out_known, with_new
from codes.upload import NOWHERE, STORED, counts_of
from core import audit, jobs
from core.jobs import Claim, PermanentFailure
from core.locks import Space, lock_exclusive
from viewers.viewer import WORKER


def do_upload(claim: Claim[Upload]) -> None:
    """Do what the upload's kind asks. Where a worker died after its commit there is nothing left to do."""
    if claim.job.phase == STORED or claim.job.lines:
        return
    match Upload.Kind(claim.job.kind):
        case Upload.Kind.FILE:
            read_upload(claim)
        case Upload.Kind.GENERATED:
            from codes.generating import generate

            generate(claim)
        case Upload.Kind.REDEEMED:
            from codes.redemptions import read_redemptions

            read_redemptions(claim)


def read_upload(claim: Claim[Upload]) -> None:
    """Bring the codes of a file into their pools."""
    upload = claim.job
    places = Places(upload.campaign, default=default_place(upload), code_type=upload.code_type)
    with source_of(claim) as source:
        if upload.pool is None and not {"market", "event"} & set(source.shape.roles):
            raise PermanentFailure(NOWHERE)
        claim.enter("reading")
        with claim.transaction():
            make_tables()
            lines = stage_codes(claim, source, places.number_of)
            claim.announce("checking")
            refuse_misfits(pools_of(upload.campaign_id, places.taken))
            sort_staged()
            # Codes are unique in the campaign, so uploads into its pools take turns from here to the commit.
            lock_exclusive(Space.CODES, upload.campaign_id)
            pools = with_new(upload.campaign_id, places.taken, pools_of(upload.campaign_id, places.taken))
            there = take_out_known(upload.campaign_id, pools)
            claim.check()
            refusals = store_refusals(f"uploads/{upload.pk}/refused.csv")
            is_refused = upload.is_all_or_nothing and refusals.with_words > 0
            now = timezone.now()
            if is_refused:
                claim.job.shape = {**claim.job.shape, "is_refused_whole": True}
            added = {} if is_refused else insert_sorted(claim, pools, now=now)
            write_result(claim, lines, added=added, already_there=there, refusals=refusals, now=now)


def default_place(upload: Upload) -> Place | None:
    """Where lines go that name no market."""
    pool = upload.pool
    return Place(pool.market_id, pool.event_id, pool.code_type) if pool is not None else None


def write_result(
    claim: Claim[Upload],
    lines: int,
    *,
    added: Mapping[int, int],
    already_there: Mapping[int, int],
    refusals: Refusals,
    now: datetime,
) -> None:
    """Write what came of it into the upload's row and the audit trail. The row is locked from here to the commit."""
    upload = claim.job
    keys = sorted({*added, *already_there})
    claim.write(
        phase=STORED,
        shape={**upload.shape, "pools": [[key, added.get(key, 0), already_there.get(key, 0)] for key in keys]},
        lines=lines,
        added=sum(added.values()),
        already_there=sum(already_there.values()),
        refused=refusals.count,
        refused_lines=refusals.shown,
        refused_key=refusals.key,
    )
    audit.record(
        actor=WORKER,
        action="codes.add",
        target=upload,
        campaign_id=upload.campaign_id,
        changes={
            "pools": [None, sorted(added)],
            **{name: [None, count] for name, count in counts_of(upload).items()},
        },
        now=now,
    )


jobs.register(Upload, do_upload, outcome=counts_of)
