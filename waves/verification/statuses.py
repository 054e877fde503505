"""Which status of a wave, its preparation, its hold, its draw and what follows a trigger may stand beside which."""

from collections.abc import Iterator
from dataclasses import dataclass

from codes.models import Hold
from core.models import Job
from waves.models import Draw, Notification, Selection, Wave, WavePrep

Status = Wave.Status


@dataclass(frozen=True)
class Record:
    """A wave with every row that belongs to it; none where it did not come that far."""

    wave: Wave
    prep: WavePrep | None
    hold: Hold | None
    draw: Draw | None
    selection: Selection | None
    notification: Notification | None

    @property
    def was_triggered(self) -> bool:
        """Whether its fans have their codes."""
        return self.wave.status in (Status.TRIGGERED, Status.COMPLETED)

    @property
    def is_drawn(self) -> bool:
        """Whether its places are allocated."""
        return self.draw is not None and bool(self.draw.allocation_sha256)


def record_of(wave: Wave) -> Record:
    """Everything that belongs to a wave, in a handful of queries."""
    prep = WavePrep.objects.select_related("hold").filter(wave=wave).first()
    draw = Draw.objects.filter(wave=wave).first()
    if draw is not None:
        draw.wave, draw.campaign = wave, wave.campaign
    return Record(
        wave=wave,
        prep=prep,
        hold=prep.hold if prep is not None else None,
        draw=draw,
        selection=Selection.objects.filter(wave=wave).first(),
        notification=Notification.objects.filter(wave=wave).first(),
    )


def deviations(record: Record) -> Iterator[str]:
    """Each status that contradicts another."""
    yield from _of_the_preparation(record)
    yield from _of_the_hold(record)
    yield from _of_the_reveal(record)
    yield from _after_the_trigger(record)


def _of_the_preparation(record: Record) -> Iterator[str]:
    wave, prep = record.wave, record.prep
    is_prepared = prep is not None and prep.status == Job.Status.FINISHED
    if record.draw is not None and prep is None:
        yield "there is a draw without a preparation"
    if is_prepared and not record.is_drawn:
        yield "its preparation has finished, and no place is allocated"
    if record.was_triggered and not is_prepared:
        yield f"it is {wave.status}, and its preparation {prep.status if prep is not None else 'is not there'}"
    if wave.status == Status.PROCESSING and prep is None:
        yield "it is processing without a preparation"


def _of_the_hold(record: Record) -> Iterator[str]:
    wave, hold = record.wave, record.hold
    if hold is None:
        if record.was_triggered or (record.is_drawn and wave.status != Status.FAILED):
            yield "its places have no hold"
        return
    wanted = (
        Hold.Status.ASSIGNED
        if record.was_triggered
        else Hold.Status.RELEASED
        if wave.status == Status.FAILED
        else Hold.Status.HELD
    )
    if hold.status != wanted:
        yield f"it is {wave.status}, and its hold {hold.status} instead of {wanted}"
    if hold.kind != Hold.Kind.WAVE or hold.campaign_id != wave.campaign_id:
        yield "its hold is not a wave's, or another campaign's"


def _of_the_reveal(record: Record) -> Iterator[str]:
    draw, wave = record.draw, record.wave
    if draw is None:
        if record.was_triggered:
            yield "it was triggered without a draw"
        return
    is_to_be_revealed = record.was_triggered or wave.status == Status.FAILED
    if (draw.revealed_at is not None) != is_to_be_revealed:
        yield f"it is {wave.status}, and its secret is {'' if draw.revealed_at else 'not '}revealed"
    if bool(draw.abandoned) != (wave.status == Status.FAILED):
        yield f"it is {wave.status}, and a reason for abandoning it is {'' if draw.abandoned else 'not '}given"
    if (draw.voided is not None) != record.was_triggered:
        yield f"it is {wave.status}, and voided.csv is {'not ' if draw.voided is None else ''}there"


def _after_the_trigger(record: Record) -> Iterator[str]:
    wave, selection, notification = record.wave, record.selection, record.notification
    if (selection is not None) != record.was_triggered:
        yield f"it is {wave.status}, and the work after a trigger is {'not ' if selection is None else ''}there"
    is_completed = wave.status == Status.COMPLETED
    if (notification is not None) != is_completed:
        yield f"it is {wave.status}, and its mails' job is {'not ' if notification is None else ''}there"
    if selection is not None and selection.status == Job.Status.FINISHED and not is_completed:
        yield f"the work after its trigger has finished, and it is {wave.status}"
    if (wave.completed_at is not None) != is_completed:
        yield f"it is {wave.status}, and the time of its completion is {'' if wave.completed_at else 'not '}there"
