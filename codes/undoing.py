"""Taking an upload back, while nobody has or holds any of its codes."""

from datetime import datetime

from django.db import connection, transaction
from django.db.models import Sum

from campaigns.lifecycle import check_unfinished
from codes import inventory
from codes.models import CodeRange, Upload
from codes.ranges import SIZE, lock_pools
from core import audit
from core.locks import Space, lock_exclusive
from core.refusal import Refusal
from viewers.permissions import Action, require
from viewers.viewer import Viewer


class CannotUndo(Refusal):
    """The upload's codes stay: some are held, given, revoked or used, or it was undone before."""

    code = "cannot_undo_upload"


def undo_upload(*, upload: Upload, actor: Viewer, now: datetime, reason: str = "") -> int:
    """Delete an upload's codes and ranges and return how many codes. Their numbers are not given again.

    :raises CannotUndo: one of its codes is held, given, revoked or used; or it added none, or was undone before.
    """
    require(actor, Action.MANAGE_CODES, upload.campaign_id)
    check_unfinished(upload.campaign)
    with transaction.atomic():
        # Uploads into the campaign wait, so that none of them finds these codes there and then gone.
        lock_exclusive(Space.CODES, upload.campaign_id)
        row = Upload.objects.select_for_update(no_key=True).get(pk=upload.pk)
        _check(row)
        ranges = CodeRange.objects.filter(upload=row)
        lock_pools(ranges.values_list("pool", flat=True))
        _check_untouched(row)
        counts = dict(ranges.values_list("pool").annotate(codes=Sum(SIZE)).order_by("pool"))
        spans = list(ranges.order_by("first").values_list("first", "last"))
        ranges.delete()
        with connection.cursor() as cursor:
            cursor.execute(
                "DELETE FROM codes_code USING unnest(%s::bigint[], %s::bigint[]) AS span (first, last) "
                "WHERE codes_code.id BETWEEN span.first AND span.last",
                [[first for first, _ in spans], [last for _, last in spans]],
            )
            removed = int(cursor.rowcount)
            cursor.execute(
                "UPDATE codes_pool SET size = size - less.codes "
                "FROM unnest(%s::bigint[], %s::bigint[]) AS less (id, codes) WHERE codes_pool.id = less.id",
                [list(counts), list(counts.values())],
            )
        row.undone_at, row.undone_by = now, actor.label
        row.save(update_fields=["undone_at", "undone_by"])
        audit.record(
            actor=actor,
            action="codes.undo",
            target=row,
            campaign_id=row.campaign_id,
            changes={"removed": [0, removed], "pools": [None, sorted(counts)]},
            reason=reason,
            now=now,
        )
    upload.refresh_from_db()
    return removed


def _check(upload: Upload) -> None:
    if upload.undone_at is not None:
        raise CannotUndo(f"This upload was undone already, by {upload.undone_by or 'somebody else'}.")
    if upload.status != Upload.Status.FINISHED:
        raise CannotUndo(f"This upload is {upload.get_status_display()}: cancel it while it waits or runs.")
    if not upload.added:
        raise CannotUndo("This upload added no code: there is nothing to undo.")


def _check_untouched(upload: Upload) -> None:
    """Refuse once a code of the upload has left the free ones, or was used. Its pools are locked."""
    states = inventory.counts(upload.ranges.all())
    named = (("reserved", "held"), ("assigned", "given to fans"), ("revoked", "revoked"))
    words = [f"{states[state]:,} of its codes are {word}" for state, word in named if states[state]]
    if words:
        raise CannotUndo(f"{', '.join(words)}: an upload is undone while all of them are free.")
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT count(*) FROM codes_coderange AS part JOIN codes_redemption AS redemption
            ON redemption.code_id BETWEEN part.first AND part.last WHERE part.upload_id = %s
            """,
            [upload.pk],
        )
        used = int(cursor.fetchone()[0])
    if used:
        raise CannotUndo(f"{used:,} of its codes were used by fans: the upload stays.")
