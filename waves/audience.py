"""Who may take part in a wave (spec: ``audience``): everybody, those whom an earlier wave left without a place, or the
members of a fanlist.

Whom an earlier wave left is decided by its frozen files, never by today's tables: nothing that happened since counts.
"""

import hashlib
from pathlib import Path
from typing import Final

from django.db import connection, models

from campaigns.models import Campaign
from core import storage
from core.jobs import PermanentFailure
from core.refusal import Refusal
from viewers.permissions import visible
from viewers.viewer import Viewer
from waves.models import Draw, WavePrep

ALL: Final = "all"
WAITLISTED, FANLIST = "waitlisted", "fanlist"
BLOCK = 1 << 20
MOST_OFFERED = 50


class NoSuchAudience(Refusal):
    """The audience names a wave that was never triggered, or a fanlist that is not there."""

    code = "no_such_audience"
    status = 400


def check_audience(*, audience: str, campaign: Campaign, viewer: Viewer) -> None:
    """Refuse an audience that names nothing, and say what there is.

    :raises NoSuchAudience: it does.
    """
    offered = offers(campaign, viewer)
    if audience in offered:
        return
    kind, _, name = audience.partition(":")
    if kind == WAITLISTED and _triggered(campaign).filter(wave__date_key=name).exists():
        return
    if kind == FANLIST and _fanlists(campaign, viewer).filter(domain=name).exists():
        return
    what = {WAITLISTED: f"This campaign has triggered no wave {name}.", FANLIST: f"There is no fanlist {name} for you."}
    there = ", ".join(offered)
    raise NoSuchAudience(f"{what.get(kind, 'This is no audience.')} Choose one of: {there}.", field="audience")


def offers(campaign: Campaign, viewer: Viewer) -> dict[str, str]:
    """The audiences that a wave of a campaign can have, each with its words, the default first."""
    found = {ALL: "Everybody who entered"}
    for draw in _triggered(campaign).select_related("wave").only("wave", "wave__name", "wave__date_key")[:MOST_OFFERED]:
        wave = draw.wave
        found[f"{WAITLISTED}:{wave.date_key}"] = f"Whom {wave} left without a place"
    for fanlist in _fanlists(campaign, viewer).order_by("domain")[:MOST_OFFERED]:
        found[f"{FANLIST}:{fanlist.domain}"] = f"Members of the fanlist {fanlist}"
    return found


def audience_words(audience: str) -> str:
    """An audience as it stands in the rules, for the operator."""
    kind, _, name = audience.partition(":")
    if kind == WAITLISTED:
        return f"Whom the wave {name} left without a place"
    if kind == FANLIST:
        return f"Members of the fanlist {name}"
    return "Everybody who entered"


def _triggered(campaign: Campaign) -> "models.QuerySet[Draw]":
    return Draw.objects.filter(campaign=campaign, wave__triggered_at__isnull=False).order_by("-number")


def _fanlists(campaign: Campaign, viewer: Viewer) -> "models.QuerySet[Campaign]":
    """The fanlists that know fans by the same identifier, and that the viewer may view."""
    lists = Campaign.objects.filter(type=Campaign.Type.FANLIST, identifier_type=campaign.identifier_type)
    return visible(viewer, lists, field="pk")


def gather(prep: WavePrep, folder: Path) -> None:
    """Put the refs of a waitlist into a table of the present transaction, for ``join`` to read.

    :raises PermanentFailure: the earlier wave's files are not those that were frozen then.
    """
    kind, _, name = prep.audience.partition(":")
    if kind != WAITLISTED:
        return
    draw = _triggered(prep.wave.campaign).filter(wave__date_key=name).first()
    if draw is None:
        raise PermanentFailure(f"The campaign has triggered no wave {name}: nobody was left by it.")
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMPORARY TABLE waves_audience"
            ' (ref text COLLATE "C", reason text, tier text, choices text) ON COMMIT DROP;'
            " CREATE TEMPORARY TABLE waves_placed"
            ' (ref text COLLATE "C", market text, choice text, event text, place text) ON COMMIT DROP'
        )
    # Who had a reason was not waitlisted. The database reads the files: at any size this holds one block in memory.
    _copy_file(draw, "snapshot.csv", draw.snapshot_sha256, "waves_audience", folder, only="WHERE reason IS NULL")
    _copy_file(draw, "allocation.csv", draw.allocation_sha256, "waves_placed", folder)
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM waves_audience USING waves_placed WHERE waves_audience.ref = waves_placed.ref")
        cursor.execute("ANALYZE waves_audience")


def _copy_file(draw: Draw, name: str, sha256: str, table: str, folder: Path, *, only: str = "") -> None:
    path = folder / f"earlier-{name}"
    storage.fetch(f"{draw.storage_prefix}{name}", path)
    statement = f"COPY {table} FROM STDIN (FORMAT csv, HEADER) {only}"
    digest = hashlib.sha256()
    with path.open("rb") as file, connection.cursor() as cursor, cursor.cursor.copy(statement) as copy:
        while block := file.read(BLOCK):
            digest.update(block)
            copy.write(block)
    path.unlink()
    if digest.hexdigest() != sha256:
        raise PermanentFailure(f"The stored {name} of wave {draw.wave.date_key} is not the one of its draw.")


def join(audience: str) -> tuple[str, list[object], str]:
    """The SQL that joins an audience to ``entry``, its parameters, and the condition of who is not in it.

    :raises PermanentFailure: it is a fanlist's, and there is no such fanlist any more.
    """
    kind, _, name = audience.partition(":")
    if kind == WAITLISTED:
        return "LEFT JOIN waves_audience AS audience ON audience.ref = entry.ref", [], "audience.ref IS NULL"
    if kind == FANLIST:
        fanlist = Campaign.objects.filter(type=Campaign.Type.FANLIST, domain=name).values_list("pk", flat=True).first()
        if fanlist is None:
            raise PermanentFailure(f"There is no fanlist {name} any more.")
        members = (
            "SELECT DISTINCT person_key FROM entries_entry WHERE campaign_id = %s AND email_confirmed_at IS NOT NULL"
            " AND withdrawn_at IS NULL AND blocked_at IS NULL AND person_key <> ''"
        )
        source = f"LEFT JOIN ({members}) AS audience ON audience.person_key = entry.person_key"
        return source, [fanlist], "audience.person_key IS NULL"
    return "", [], ""
