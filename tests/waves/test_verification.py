"""``manage.py verify_wave``: nothing is wrong with what MonoQL did, and whatever is spoiled is named."""

# ruff: noqa: S608  The statements are put together from our own words.
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.db.models import Model, QuerySet
from django.utils import timezone

from campaigns import lifecycle
from campaigns.models import Campaign
from codes.models import Assignment, CodeRange, Hold
from core import storage
from core.bulk import copy_out
from entries.models import Entry, Message
from tests import scenario
from tests.scenario import SUPREME, make_wave, prepare_wave, upload_codes
from waves import bundle, by_hand, preparation, selection, verification
from waves.models import Draw, Notification, Selection, Wave, WavePrep
from waves.preparation import Options
from waves.verification.files import ALLOCATION

pytestmark = pytest.mark.django_db(transaction=True)
FIRST, SECOND = datetime(2027, 2, 1, 10, 0), datetime(2027, 3, 1, 10, 0)
Spoil = Callable[[Wave], object]


def triggered(wave: Wave) -> Wave:
    """Trigger a wave, and do what follows to the last mail."""
    selection.trigger(wave=wave, actor=SUPREME, now=timezone.now())
    scenario.run_jobs()
    return Wave.objects.select_related("draw", "prep__hold", "campaign").get(pk=wave.pk)


def ready_tour() -> Campaign:
    """A closed campaign of 90 fans, some of them out, with codes for 40."""
    campaign = scenario.open_tour()
    scenario.many_fans(campaign, 90)
    Entry.objects.filter(identifier="fan7@example.com").update(blocked_at=timezone.now())
    upload_codes(campaign, "CA-LAX", 20)
    upload_codes(campaign, "AZ-PHX", 10, event="AZ-PHX-1")
    upload_codes(campaign, "AZ-PHX", 10, event="AZ-PHX-2")
    return lifecycle.close_campaign(campaign=campaign, actor=SUPREME, now=timezone.now())


def two_waves(campaign: Campaign) -> Wave:
    """Two completed waves; of the second, which is given, one place was void and one code was taken back."""
    triggered(prepare_wave(make_wave(campaign, local=FIRST), Options(limits={"CA-LAX": 6, "AZ-PHX": 5})))
    wave = prepare_wave(make_wave(campaign, local=SECOND), Options(limits={"CA-LAX": 8}))
    gone = mine(wave).order_by("code_id")[3]
    Entry.objects.filter(pk=gone.entry_id).update(withdrawn_at=timezone.now())
    wave = triggered(wave)
    taken = mine(wave).filter(voided="").order_by("code_id")[2]
    by_hand.take_back(assignment=taken, reason="Sold on.", actor=SUPREME, now=timezone.now())
    scenario.run_jobs()
    return wave


def mine(wave: Wave) -> QuerySet[Assignment]:
    """A wave's assignments."""
    return Assignment.objects.filter(hold=wave.prep.hold)


def update(model: type[Model], **values: object) -> Spoil:
    """Change the wave's row of a model."""
    return lambda wave: model._default_manager.filter(wave=wave).update(**values)


def sql(statement: str) -> Spoil:
    """Run a statement with ids of the wave, its hold and its draw."""

    def run(wave: Wave) -> None:
        with connection.cursor() as cursor:
            cursor.execute(statement, {"wave": wave.pk, "hold": wave.prep.hold_id, "draw": wave.draw.pk})

    return run


def stored(name: str, change: Callable[[bytes], bytes] | None) -> Spoil:
    """Change a stored file, or take it away."""

    def run(wave: Wave) -> None:
        key = wave.draw.storage_prefix + name
        if change is None:
            storage.delete(key)
        else:
            storage.put(key, change(storage.get(key)))

    return run


def flipped(data: bytes) -> bytes:
    """The same with one bit of its middle turned over."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def shorter(data: bytes) -> bytes:
    """The same without its end."""
    return data[:-9]


def one_more_place(wave: Wave) -> None:
    """Somebody else gets a ninth place in Los Angeles, where there are eight."""
    example = mine(wave).filter(market__code="CA-LAX")[0]
    free = CodeRange.objects.filter(hold=None, pool__market__code="CA-LAX", is_revoked=False)[0]
    fan = Entry.objects.exclude(pk__in=Assignment.objects.values("entry_id"))[0]
    Assignment.objects.create(
        code_id=free.first, entry_id=fan.pk, hold_id=example.hold_id, market_id=example.market_id, choice=1, position=9
    )


def exchange_codes(wave: Wave) -> None:
    """A fan of Los Angeles and one of Phoenix have one another's code."""
    one = mine(wave).filter(market__code="CA-LAX")[0].code_id
    other = mine(wave).filter(market__code="AZ-PHX")[0].code_id
    for before, after in ((one, -1), (other, one), (-1, other)):
        Assignment.objects.filter(code=before).update(code=after)


def choose_again(wave: Wave) -> None:
    """A place of a fan whom the first wave chose."""
    earlier = Assignment.objects.exclude(hold=wave.prep.hold)[0]
    Assignment.objects.filter(pk=mine(wave)[0].pk).update(entry_id=earlier.entry_id)


def mail_a_stranger(wave: Wave) -> None:
    """The mail with a code goes to somebody without a place."""
    fan = Entry.objects.exclude(pk__in=Assignment.objects.values("entry_id"))[0]
    message = Message.objects.filter(wave_id=wave.pk, kind="selected")[0]
    Message.objects.filter(pk=message.pk).update(entry=fan)


def mail_another_campaign(wave: Wave) -> None:
    """The mail with a code goes to a fan of another campaign."""
    fan = scenario.register_fan(scenario.open_tour(domain="borealis"), "Ada", ["CA-LAX"])
    message = Message.objects.filter(wave_id=wave.pk, kind="selected")[0]
    Message.objects.filter(pk=message.pk).update(entry=fan)


def complete_too_late(wave: Wave) -> None:
    """Mails went out, and the wave is not completed."""
    Wave.objects.filter(pk=wave.pk).update(status="triggered", completed_at=None)


def slip_in_an_entry(wave: Wave) -> None:
    """An entry that claims to have been there before the freeze."""
    fan = Entry.objects.order_by("pk")[0]
    fan.pk, fan.ref, fan.identifier = None, "f" * 32, "late@example.com"
    fan.created_at = wave.draw.frozen_at - timedelta(hours=1)
    fan.save(force_insert=True)


def commit_to_another(wave: Wave) -> None:
    """The commitments are others than those of the secrets."""
    sealed = wave.campaign.draw_secrets
    sealed.commitments = ["0" * 64, *sealed.commitments[1:]]
    sealed.save(update_fields=["commitments"])


def keep_a_hold(wave: Wave) -> None:
    """A hold that no wave knows of."""
    Hold.objects.create(
        campaign=wave.campaign, code_type="presale", purpose="?", status="assigned", created_at=timezone.now()
    )


OF_ONE = "WHERE code_id = (SELECT min(code_id) FROM codes_assignment WHERE hold_id = %(hold)s AND voided = '')"
PHOENIX = "(SELECT id FROM campaigns_market WHERE code = 'AZ-PHX')"
ROWS: dict[str, Spoil] = {
    "it is completed, and its preparation queued": update(WavePrep, status="queued"),
    "its hold held instead of assigned": sql("UPDATE codes_hold SET status = 'held' WHERE id = %(hold)s"),
    "its places have no hold": update(WavePrep, hold=None),
    "its secret is not revealed": update(Draw, revealed_at=None),
    "a reason for abandoning it is given": update(Draw, abandoned="Because."),
    "voided.csv is not there": update(Draw, voided=None),
    "the work after a trigger is not there": lambda wave: Selection.objects.filter(wave=wave).delete(),
    "its mails' job is not there": lambda wave: Notification.objects.filter(wave=wave).delete(),
    "the work after its trigger has finished": complete_too_late,
    "the time of its completion is not there": sql("UPDATE waves_wave SET completed_at = NULL WHERE id = %(wave)s"),
    "no place is allocated": update(Draw, allocation_sha256="", placed=None),
    "the numbers of its draws are [1, 5]": update(Draw, number=5),
    "the secret of number 1 is not the one": commit_to_another,
    "names another draw before it": sql("UPDATE waves_draw SET voided_sha256 = '' WHERE number = 1"),
    "1 holds are kept for waves": keep_a_hold,
    "assignments of an entry that is not there": sql(f"UPDATE codes_assignment SET entry_id = -1 {OF_ONE}"),
    "assignments of a code that is not there": sql(
        f"DELETE FROM codes_code WHERE id = (SELECT code_id FROM codes_assignment {OF_ONE})"
    ),
    "assignments of a market that is not there": sql(f"UPDATE codes_assignment SET market_id = -1 {OF_ONE}"),
    "assignments of an event that is not there": sql(f"UPDATE codes_assignment SET event_id = -1 {OF_ONE}"),
    "assigned codes in the ranges of its hold": sql(
        "UPDATE codes_coderange SET hold_id = NULL WHERE hold_id = %(hold)s AND NOT is_revoked"
    ),
    "codes of another pool than the place's": exchange_codes,
    "codes in force that are revoked": sql("UPDATE codes_assignment SET voided = '' WHERE hold_id = %(hold)s"),
    "voided codes that are not revoked": sql("UPDATE codes_coderange SET is_revoked = false WHERE hold_id = %(hold)s"),
    "codes that its hold keeps, and nobody has": sql(f"DELETE FROM codes_assignment {OF_ONE}"),
    "places of fans whom an earlier wave had chosen": choose_again,
    "mails with a code to fans without a place": mail_a_stranger,
    "mails of no luck to fans with a place": sql(
        "UPDATE entries_message SET kind = 'not_selected' WHERE wave_id = %(wave)s"
    ),
    "mails to entries of another campaign": mail_another_campaign,
    "places without a mail": sql("DELETE FROM entries_message WHERE wave_id = %(wave)s"),
    "mails left unsent": sql("UPDATE entries_message SET status = 'queued', sent_at = NULL WHERE wave_id = %(wave)s"),
    "mails before the wave's completion": complete_too_late,
    "a position before the first": sql(
        f"ALTER TABLE codes_assignment DROP CONSTRAINT codes_assignment_counts_from_one;"
        f" UPDATE codes_assignment SET position = 0 {OF_ONE}"
    ),
    "places have positions up to 99": sql(f"UPDATE codes_assignment SET position = 99 {OF_ONE}"),
    "market CA-LAX: 9 placed, and 8 places": one_more_place,
    "event AZ-PHX-2: 15 placed, and 10 places": sql(
        "UPDATE codes_assignment SET event_id = (SELECT id FROM campaigns_event WHERE code = 'AZ-PHX-2')"
        f" WHERE hold_id = %(hold)s AND market_id = {PHOENIX}"
    ),
    "assignments: 23 instead of 24": update(Draw, placed=24),
    "placed by choice": update(Draw, placed_by_choice=[22, 1]),
    "outcomes: of 1 markets instead of 2": sql(
        f"DELETE FROM waves_marketoutcome WHERE draw_id = %(draw)s AND market_id = {PHOENIX}"
    ),
    "its outcome tells of 16 places, the rules of 15": sql(
        f"UPDATE waves_marketoutcome SET places = 16 WHERE draw_id = %(draw)s AND market_id = {PHOENIX}"
    ),
    "its outcome tells of 14 placed, and 15 are": sql(
        f"UPDATE waves_marketoutcome SET placed = 14 WHERE draw_id = %(draw)s AND market_id = {PHOENIX}"
    ),
    "its outcome tells of a demand of": sql("UPDATE waves_marketoutcome SET demand = demand + 1"),
    "its cut-off is {": sql("UPDATE waves_marketoutcome SET cutoff = jsonb_set(cutoff, '{tier}', '99')"),
}
FILES: dict[str, Spoil] = {
    "rules.json: its bytes have another hash": update(Draw, rules_sha256="0" * 64),
    "rules.json: rules.json cannot be read": update(Draw, rules=b"{"),
    "rules.json: it is of aurora, wave 2027-03-01T10:00, number 2": update(Draw, number=3),
    "not in storage: snapshot.csv": stored("snapshot.csv", None),
    "snapshot.csv: it has another hash": stored("snapshot.csv", flipped),
    "snapshot.csv: another header": stored("snapshot.csv", lambda data: b"R" + data[1:]),
    "The last line of the snapshot is not ended": stored("snapshot.csv", shorter),
    "snapshot.csv: an entry that is not there any more (1": sql(
        "DELETE FROM entries_score; DELETE FROM entries_message; DELETE FROM entries_entry WHERE id ="
        " (SELECT min(id) FROM entries_entry WHERE id NOT IN (SELECT entry_id FROM codes_assignment))"
    ),
    "without an entry that had registered before the freeze (1": slip_in_an_entry,
    "root: it is not that of snapshot.csv": update(Draw, root="0" * 64),
    "snapshot.csv: it has another hash than": update(Draw, snapshot_sha256="0" * 64),
    "entries: 91, and 90 lines": update(Draw, entries=91),
    "eligible: 1, and": update(Draw, eligible=1),
    "reasons: {'unconfirmed': 1} instead of": update(Draw, reasons={"unconfirmed": 1}),
    "not in storage: reasons.csv": stored("reasons.csv", None),
    "reasons.csv: another header": stored("reasons.csv", lambda data: b"R" + data[1:]),
    "reasons.csv: no reason for an entry that is excluded": stored("reasons.csv", lambda data: b"ref,reason\n"),
    "reasons.csv: an entry that the snapshot does not exclude": stored(
        "reasons.csv", lambda data: data + b"f" * 32 + b",blocked\n"
    ),
    "not in storage: entry_ids": stored("entry_ids", None),
    "entry_ids: another entry than": stored("entry_ids", flipped),
    "entry_ids: more entries than": stored("entry_ids", lambda data: data + data[-8:]),
    "tree: it is not the one of snapshot.csv": stored("tree", flipped),
    "blocks: it is not the one of snapshot.csv": stored("blocks", flipped),
    "not in storage: allocation.csv": stored("allocation.csv", None),
    "allocation.csv: it has another hash": stored("allocation.csv", flipped),
    "stands there, and the rows say": stored("allocation.csv", flipped),
    "nothing stands there, and the rows say": stored(
        "allocation.csv", lambda data: data[: data.rindex(b"\n", 0, -1) + 1]
    ),
    "and the rows say nothing": stored("allocation.csv", lambda data: data + data.splitlines(keepends=True)[-1]),
    "allocation.csv: it has another hash than the draw": update(Draw, allocation_sha256="0" * 64),
    "voided.csv: its bytes have another hash": update(Draw, voided_sha256="0" * 64),
    "voided.csv, line 2": update(Draw, voided=b"ref,reason\n" + b"0" * 32 + b",erased\n"),
    "voided.csv: the stored one has other bytes": stored("voided.csv", flipped),
    "rules.json: the stored one has other bytes": stored("rules.json", flipped),
    "manifest.json: the stored one says something else": stored("manifest.json", None),
    "manifest.json: the stored one says something": stored("manifest.json", lambda data: b"{" + data),
    "manifest.json: the stored one": stored("manifest.json", lambda data: data.replace(b'"number": 2', b'"number": 1')),
    "not in storage: selection.csv": stored("selection.csv", None),
    "selection.csv: 21 lines instead of 22": stored(
        "selection.csv", lambda data: data[: data.rindex(b"\n", 0, -1) + 1]
    ),
}


def found_after(spoil: Spoil, wave: Wave) -> list[str]:
    """What is found once something is spoiled. Everything is as it was before in the end."""
    keys = [wave.draw.storage_prefix + name for name in STORED]
    kept = {key: storage.get(key) for key in keys}
    try:
        with transaction.atomic():
            spoil(wave)
            found = [str(deviation) for deviation in verification.verify_campaign(wave.campaign)]
            transaction.set_rollback(True)
    finally:
        for key, data in kept.items():
            storage.put(key, data)
        wave.campaign.draw_secrets.refresh_from_db()
    return found


STORED = ["snapshot.csv", "reasons.csv", "entry_ids", "tree", "blocks", "allocation.csv", "voided.csv"]
STORED += ["manifest.json", "rules.json", "selection.csv"]


@pytest.mark.parametrize("spoils", [ROWS, FILES], ids=["rows", "files"])
def test_whatever_is_spoiled_is_named(spoils: dict[str, Spoil]) -> None:
    wave = two_waves(ready_tour())
    assert found_after(lambda _: None, wave) == []

    unnamed = {}
    for expected, spoil in spoils.items():
        found = found_after(spoil, wave)
        if not any(expected in line for line in found):
            unnamed[expected] = found

    assert unnamed == {}
    assert found_after(lambda _: None, wave) == []


def test_nothing_is_wrong_at_any_step_of_a_wave() -> None:
    campaign = ready_tour()
    wave = make_wave(campaign, local=FIRST)
    found = {"scheduled": verification.verify_campaign(campaign)}
    wave = prepare_wave(wave, Options(public_source="tomorrow's paper", limits={"CA-LAX": 5}))
    found["awaiting"] = verification.verify_campaign(campaign)
    preparation.enter_public_value(wave=wave, value="17", actor=SUPREME, now=timezone.now())
    scenario.run_jobs()
    found["prepared"] = verification.verify_campaign(campaign, run_again=True)
    selection.trigger(wave=wave, actor=SUPREME, now=timezone.now())
    found["triggered"] = verification.verify_campaign(campaign, run_again=True)
    scenario.run_jobs()
    found["completed"] = verification.verify_campaign(campaign, run_again=True)
    undrawn = prepare_wave(make_wave(campaign, local=SECOND), Options(public_source="never told"))
    preparation.abandon(wave=undrawn, reason="No paper came.", actor=SUPREME, now=timezone.now())
    found["abandoned before its draw"] = verification.verify_campaign(campaign, run_again=True)
    drawn = prepare_wave(make_wave(campaign, local=datetime(2027, 4, 1, 10, 0)))
    preparation.abandon(wave=drawn, reason="Wrong limit.", actor=SUPREME, now=timezone.now())
    found["abandoned after its draw"] = verification.verify_campaign(campaign, run_again=True)
    unfrozen = make_wave(campaign, local=datetime(2027, 5, 1, 10, 0))
    preparation.abandon(wave=unfrozen, reason="Not needed.", actor=SUPREME, now=timezone.now())
    found["abandoned before its freeze"] = verification.verify_campaign(campaign, run_again=True)

    assert found == {step: [] for step in found}


def test_an_order_that_was_forged_in_every_row_and_file_is_found_by_drawing_again() -> None:
    wave = two_waves(ready_tour())
    first, second = mine(wave).filter(market__code="AZ-PHX", choice=1).order_by("position")[:2]
    for pk, entry_id in ((first.pk, -1), (second.pk, first.entry_id), (first.pk, second.entry_id)):
        Assignment.objects.filter(pk=pk).update(entry_id=entry_id)
    lines = b"".join(bytes(row) for row in copy_out(ALLOCATION, [wave.prep.hold_id]))
    forged = b"ref,market,choice,event,position\n" + lines
    storage.put(wave.draw.storage_prefix + "allocation.csv", forged)
    wave.draw.allocation_sha256 = sha256(forged).hexdigest()
    wave.draw.save(update_fields=["allocation_sha256"])
    bundle.store_manifest(wave.draw)

    assert verification.verify_wave(wave) == []
    assert "run again: allocation.csv, line" in str(verification.verify_wave(wave, run_again=True)[0])


def test_the_command_names_deviations_and_ends_with_an_error() -> None:
    wave = two_waves(ready_tour())
    out, err = StringIO(), StringIO()

    call_command("verify_wave", stdout=out, stderr=err)
    call_command("verify_wave", "aurora/2027-03-01T10:00", run_again=True, stdout=out, stderr=err)
    call_command("verify_wave", campaign="aurora", stdout=out, stderr=err)
    good = out.getvalue()
    Draw.objects.filter(wave=wave).update(placed=24)
    for words in ([], ["--campaign", "aurora"], ["aurora/2027-03-01T10:00"]):
        with pytest.raises(CommandError) as error:
            call_command("verify_wave", *words, stdout=out, stderr=err)
        assert error.value.returncode == 1
    call_command("verify_wave", "aurora/2027-02-01T10:00", stdout=out, stderr=err)

    assert good.splitlines() == [
        "Everything agrees in 2 waves.",
        "Everything agrees in 1 waves.",
        "Everything agrees in 2 waves.",
    ]
    assert "aurora/2027-03-01T10:00: assignments: 23 instead of 24" in err.getvalue()
    for words in (["aurora/2027-02-02T10:00"], ["nobody/2027-02-01T10:00"], ["--campaign", "nobody"]):
        with pytest.raises(CommandError, match="There is no"):
            call_command("verify_wave", *words, stdout=out, stderr=err)
