"""Everything that can happen to codes, in any order and from two connections, beside a model in plain Python.

After each deed the database's rows are what the model says, the product's counts are those of the model, and
``verify_inventory`` finds nothing. Two deeds at once must end as if one had come after the other.
"""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import combinations
from threading import Barrier
from typing import Any, ClassVar

import pytest
from django.db import connection
from hypothesis import HealthCheck, Phase, seed, settings, strategies
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from codes import inventory
from codes.models import CodeRange
from core.refusal import Refusal
from tests.codes.deeds import Deed, Mismatch, Scene, Step, same
from tests.codes.stock_model import Code, Given, Hold, NotPossible, Stock

pytestmark = pytest.mark.django_db(transaction=True)
TWO_HANDS = 2
REFUSABLE = {
    "keep back",
    "prepare",
    "trigger",
    "give",
    "swap",
    "replace",
    "take back",
    "revoke",
    "give back",
    "abandon",
    "undo",
}
DONE = REFUSABLE | {"upload", "generate", "redeem", "block", "expire"}
"""What must have been tried for a run to say anything."""
NUMBERS = strategies.integers(0, 60)
DEEDS = strategies.sampled_from(
    (
        *("upload", "upload", "generate", "keep_back", "prepare", "prepare", "trigger", "trigger", "give", "give"),
        *("swap", "swap", "replace", "take_back", "revoke", "redeem", "give_back", "abandon", "block", "undo", "undo"),
        "expire",
    )
)


def table(query: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """The rows of a query."""
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return list(cursor.fetchall())


ROWS = """
    SELECT code.id, code.value, part.upload_id::text, part.hold_id, part.is_revoked FROM codes_code AS code
    LEFT JOIN codes_coderange AS part ON code.id BETWEEN part.first AND part.last AND part.pool_id = code.id >> 32
    WHERE code.campaign_id = %s
"""
GIVEN = """
    SELECT assignment.entry_id, assignment.hold_id, assignment.code_id, assignment.voided
    FROM codes_assignment AS assignment JOIN codes_hold AS hold ON hold.id = assignment.hold_id
    WHERE hold.campaign_id = %s
"""
FORMER = """
    SELECT former.code_id, former.entry_id, former.hold_id
    FROM codes_formerassignment AS former JOIN codes_hold AS hold ON hold.id = former.hold_id
    WHERE hold.campaign_id = %s
"""
REDEEMED = """
    SELECT redemption.code_id FROM codes_redemption AS redemption
    JOIN codes_pool AS pool ON pool.id = redemption.code_id >> 32 WHERE pool.campaign_id = %s
"""
HOLDS = "SELECT id, kind, status FROM codes_hold WHERE campaign_id = %s"
POOLS = "SELECT id, size, last_number, redeemed FROM codes_pool WHERE campaign_id = %s"


def seen(campaign_id: int) -> dict[str, object]:
    """What the rows say of a campaign's codes, in the model's words. A code in two ranges would be there twice."""
    rows = table(ROWS, campaign_id)
    given = table(GIVEN, campaign_id)
    return {
        "rows": sorted(key for key, *_ in rows),
        "codes": {key: Code(upload, hold, is_revoked) for key, _, upload, hold, is_revoked in rows},
        "values": {value: upload for _, value, upload, *_ in rows},
        "holds": {key: Hold(*rest) for key, *rest in table(HOLDS, campaign_id)},
        "assignments": len(given),
        "given": {(entry, hold): Given(code, voided) for entry, hold, code, voided in given},
        "former": {code: (entry, hold) for code, entry, hold in table(FORMER, campaign_id)},
        "redeemed": {key for (key,) in table(REDEEMED, campaign_id)},
        "pools": {key: rest for key, *rest in table(POOLS, campaign_id)},
    }


def expected(stock: Stock) -> dict[str, object]:
    """The same, of the model."""
    return {
        "rows": sorted(stock.codes),
        "codes": stock.codes,
        "holds": stock.holds,
        "assignments": len(stock.given),
        "given": stock.given,
        "former": stock.former,
        "redeemed": stock.redeemed,
        "pools": {
            pool: [len(stock.of_pool(pool)), last, len(stock.redeemed & set(stock.of_pool(pool)))]
            for pool, last in stock.last.items()
        },
        "values": stock.values,
    }


def differences(found: dict[str, object], stock: Stock) -> list[str]:
    """Where the rows and the model are not the same."""
    model = expected(stock)
    return [f"{name}: rows {found[name]}, model {model[name]}" for name in found if found[name] != model[name]]


def interleavings(first: list[Step], second: list[Step]) -> Iterator[list[Step]]:
    """Every order of the steps of two deeds that keeps the order of each."""
    length = len(first) + len(second)
    for places in combinations(range(length), len(first)):
        left, right = iter(first), iter(second)
        yield [next(left) if place in places else next(right) for place in range(length)]


class Machine(RuleBasedStateMachine):
    """One campaign and two connections."""

    hands: ClassVar[tuple[ThreadPoolExecutor, ...]]
    done: ClassVar[Counter[str]]

    def __init__(self) -> None:
        super().__init__()
        self.scene = Scene()
        for number in range(len(self.scene.pools)):
            self.one_deed(name="upload", one=number + 6, other=number * 4, hand=0)

    def plan(self, name: str, one: int, other: int) -> Deed | None:
        """A deed by its name."""
        found: Deed | None = getattr(self.scene, name)(one, other)
        return found

    @staticmethod
    def perform(deed: Deed) -> Any:
        """Do it; a refusal is a result too."""
        try:
            return deed.do()
        except (Refusal, CodeRange.DoesNotExist) as refusal:
            return refusal

    def tally(self, deed: Deed, result: Any) -> None:
        """Note what came of it, so that a run can say what it has tried."""
        self.done[f"{deed.name} refused" if isinstance(result, Exception) else deed.name] += 1

    @rule(name=DEEDS, one=NUMBERS, other=NUMBERS, hand=strategies.integers(0, TWO_HANDS - 1))
    def one_deed(self, name: str, one: int, other: int, hand: int) -> None:
        """One thing happens, by one of the two connections."""
        deed = self.plan(name, one, other)
        if deed is None:
            return
        result = self.hands[hand].submit(self.perform, deed).result()
        self.tally(deed, result)
        for step in deed.steps(result):
            try:
                step(self.scene.stock)
            except NotPossible as reason:
                raise Mismatch(f"{deed.name} was done: {reason}") from reason

    @rule(names=strategies.tuples(DEEDS, DEEDS), one=NUMBERS, other=NUMBERS, third=NUMBERS)
    def two_deeds_at_once(self, names: tuple[str, str], one: int, other: int, third: int) -> None:
        """Two things happen at one moment, one by each connection."""
        planned = (self.plan(names[0], one, other), self.plan(names[1], one, third))
        deeds = [deed for deed in planned if deed is not None]
        if len(deeds) < TWO_HANDS:
            return
        start = Barrier(TWO_HANDS)

        def perform(deed: Deed) -> Any:
            start.wait(timeout=20)
            return self.perform(deed)

        futures = [hand.submit(perform, deed) for hand, deed in zip(self.hands, deeds, strict=True)]
        results = [future.result() for future in futures]
        for deed, result in zip(deeds, results, strict=True):
            self.tally(deed, result)
            if deed.name == "expire":  # It passes over a hold that somebody has locked: the next tick has it.
                deed.do()
        self.done["two at once"] += 1
        found, reasons = seen(self.scene.campaign.pk), []
        for order in interleavings(
            *(deed.steps(result, is_alone=False) for deed, result in zip(deeds, results, strict=True))
        ):
            stock = self.scene.stock.copy()
            try:
                for step in order:
                    step(stock)
            except (NotPossible, Mismatch) as reason:
                reasons.append(str(reason))
                continue
            if not (differ := differences(found, stock)):
                self.scene.stock = stock
                return
            reasons += differ
        raise Mismatch(f"{names[0]} and {names[1]} fit no order: {results}\n" + "\n".join(reasons))

    @invariant()
    def rows_are_what_the_model_says(self) -> None:
        """Every code, hold, assignment and count."""
        stock, campaign = self.scene.stock, self.scene.campaign
        assert differences(seen(campaign.pk), stock) == []
        counts = inventory.counts_by_pool(campaign)
        for pool in stock.last:
            tally = Counter(stock.state(code) for code in stock.of_pool(pool))
            same(f"counts of pool {pool}", counts[pool], {state: tally[state] for state in inventory.STATES})
        assert inventory.verify([campaign]) == []


@contextmanager
def machine() -> Iterator[type[Machine]]:
    """The machine with two connections of its own, each in a thread of its own."""
    hands = tuple(ThreadPoolExecutor(1) for _ in range(TWO_HANDS))
    try:
        yield type("TwoHandedMachine", (Machine,), {"hands": hands, "done": Counter()})
    finally:
        for hand in hands:
            hand.submit(lambda: connection.close()).result()  # Each thread has its own.
            hand.shutdown()


def run(*, examples: int, steps: int, number: int) -> Counter[str]:
    """Try so many examples of so many steps; the number chooses which, the same ones each time."""
    with machine() as kind:
        run_state_machine_as_test(
            seed(number)(kind),
            settings=settings(
                max_examples=examples,
                stateful_step_count=steps,
                database=None,
                deadline=None,
                phases=[Phase.generate],  # A race does not end the same way again, so there is nothing to shrink.
                suppress_health_check=list(HealthCheck),
            ),
        )
        return kind.done


def test_codes_are_what_a_plain_model_says_whatever_happens_to_them() -> None:
    done = run(examples=10, steps=25, number=2027)

    assert {"two at once", "swap refused", "trigger refused", *DONE} <= done.keys()


@pytest.mark.soak
@pytest.mark.parametrize("number", range(5))
def test_codes_are_what_a_plain_model_says_in_a_hundred_long_stories(number: int) -> None:
    done = run(examples=100, steps=50, number=number)

    print(dict(done))
    assert {*DONE, *(f"{name} refused" for name in REFUSABLE)} <= done.keys()
