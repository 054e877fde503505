"""Gates: who answers whether a fan meets a condition, and how such a provider is asked.

A provider is a small object that this or a higher room registers under a name. It is asked outside every transaction
and lock, within a time limit; whatever it raises, and whatever comes too late, means that it cannot say.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from queue import Empty, SimpleQueue
from threading import BoundedSemaphore, Thread
from typing import Any, Protocol

import structlog
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection, connections, transaction

from campaigns import readiness
from campaigns.models import Campaign, Gate
from campaigns.readiness import Line

log = structlog.get_logger(__name__)
MOST_AT_ONCE = 16
"""Questions that one provider answers at a time in one process; one that hangs keeps no more threads than that."""
KNOWN_SECONDS = 10.0
"""How long it is remembered whether a provider answers: the readiness list is on every page of a campaign."""


class Answer(StrEnum):
    """What a provider says of a fan."""

    PASSES = "passes"
    FAILS = "fails"
    CANNOT_SAY = "cannot_say"


@dataclass(frozen=True)
class Applicant:
    """Who asks to be let in. ``supplied`` are her answers to the form's questions, by their keys."""

    campaign_id: int
    identifier: str
    email: str
    supplied: Mapping[str, Any] = field(default_factory=dict)


class Provider(Protocol):
    """Whoever answers for gates of some kinds."""

    kinds: Sequence[str]
    """The kinds of gate that it serves."""
    title: str
    rule: str
    """How it decides, and what it makes of the gate's wanted value, for staff."""
    is_ours: bool
    """Whether it reads only our own database: it is then asked in this thread, and the database keeps its time."""

    def check(self, gate: Gate, applicant: Applicant) -> Answer:
        """Say whether the applicant passes the gate."""

    def answers(self) -> bool:
        """Whether it could be asked at this moment."""

    def problem(self, gate: Gate) -> Mapping[str, str]:
        """What keeps it from serving a gate as it is set up, by the gate's field; nothing where all is well."""


_providers: dict[str, Provider] = {}
_places: dict[str, BoundedSemaphore] = {}
_known: dict[str, tuple[float, bool]] = {}


def register(name: str, provider: Provider) -> None:
    """Make a provider known by a name that gates keep."""
    _providers[name] = provider
    _places[name] = BoundedSemaphore(MOST_AT_ONCE)
    _known.pop(name, None)


def unregister(name: str) -> None:
    """Forget a provider; its gates then cannot say."""
    _providers.pop(name, None)
    _places.pop(name, None)
    _known.pop(name, None)


def providers() -> Mapping[str, Provider]:
    """Every provider by name."""
    return dict(sorted(_providers.items()))


def provider_of(gate: Gate) -> Provider | None:
    """The provider of a gate, if it is known and serves the gate's kind."""
    provider = _providers.get(gate.provider)
    return provider if provider is not None and gate.kind in provider.kinds else None


def ask(gate: Gate, applicant: Applicant) -> Answer:
    """What the gate's provider says of an applicant, within ``GATE_SECONDS``. Never raises."""
    provider = provider_of(gate)
    if provider is None:
        log.error("gate_without_provider", gate=gate.pk, provider=gate.provider)
        return Answer.CANNOT_SAY
    found = _within_time(gate.provider, provider, lambda: provider.check(gate, applicant), gate=gate.pk)
    return found if isinstance(found, Answer) else Answer.CANNOT_SAY


def does_answer(name: str) -> bool:
    """Whether a provider can be asked at this moment, as of some seconds ago at most."""
    provider = _providers.get(name)
    if provider is None:
        return False
    moment = time.monotonic()
    known = _known.get(name)
    if known is None or moment - known[0] > KNOWN_SECONDS:
        found = provider.answers() if provider.is_ours else _within_time(name, provider, provider.answers)
        known = _known[name] = (moment, found is True)
    return known[1]


def _within_time(name: str, provider: Provider, call: Callable[[], object], **context: Any) -> object:
    """What a call gives; nothing where it raises or is too slow."""
    run = _in_this_thread if provider.is_ours else _in_another_thread
    try:
        return run(name, call)
    except Exception as error:
        # Not the error's text: a provider may have written the fan's address into it.
        log.warning("gate_cannot_say", provider=name, error=type(error).__name__, **context)
        return None


def _in_this_thread(name: str, call: Callable[[], object]) -> object:
    milliseconds = max(1, int(settings.GATE_SECONDS * 1000))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('statement_timeout')")
        before = cursor.fetchone()[0]
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(milliseconds)])
        found = call()
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [before])
        return found


def _in_another_thread(name: str, call: Callable[[], object]) -> object:
    """Wait for a call no longer than it may take. A call that hangs keeps its thread, and nobody waits for it.

    :raises TimeoutError: it takes too long, or too many of the provider's calls already do.
    """
    place = _places[name]
    deadline = time.monotonic() + settings.GATE_SECONDS
    if not place.acquire(timeout=settings.GATE_SECONDS):
        raise TimeoutError
    box: SimpleQueue[tuple[object, Exception | None]] = SimpleQueue()

    def work() -> None:
        try:
            box.put((call(), None))
        except Exception as error:
            box.put((None, error))
        finally:
            connections.close_all()
            place.release()

    Thread(target=work, name=f"gate-{name}", daemon=True).start()
    try:
        found, error = box.get(timeout=max(0.0, deadline - time.monotonic()))
    except Empty:
        raise TimeoutError from None
    if error is not None:
        raise error
    return found


def check_definition(gate: Gate) -> None:
    """Refuse a gate that its provider could not serve.

    :raises ValidationError: with what to mend, beside each part of it.
    """
    errors: dict[str, str] = {}
    needs_campaign = gate.kind == Gate.Kind.CAMPAIGN_ENTRY
    if needs_campaign and gate.other_campaign_id is None:
        errors["other_campaign"] = "Choose the campaign in which fans must have an entry."
    elif needs_campaign and gate.other_campaign_id == gate.campaign_id:
        errors["other_campaign"] = "Choose another campaign than this one."
    elif not needs_campaign and gate.other_campaign_id is not None:
        errors["other_campaign"] = "Only a gate on another campaign's entry names one. Empty this."
    provider = _providers.get(gate.provider)
    if provider is None:
        errors["provider"] = f"No provider has this name. There are: {', '.join(providers())}."
    elif gate.kind not in provider.kinds:
        fitting = ", ".join(name for name, other in providers().items() if gate.kind in other.kinds)
        errors["provider"] = f"It does not serve this kind. These do: {fitting or 'none'}."
    else:
        for name, text in provider.problem(gate).items():
            errors.setdefault(name, text)
    if errors:
        raise ValidationError(errors)


@readiness.register
def gates(campaign: Campaign, now: datetime) -> Iterable[Line]:
    """Every gate that is in use must be set up rightly, and its provider must answer."""
    for gate in campaign.gates.filter(is_active=True).order_by("number", "pk"):
        try:
            check_definition(gate)
        except ValidationError as invalid:
            yield Line(f"Gate “{gate}”: {' '.join(invalid.messages)}", is_red=True, section="gates")
            continue
        if not does_answer(gate.provider):
            yield Line(f"Gate “{gate}”: its provider {gate.provider} does not answer.", is_red=True, section="gates")
