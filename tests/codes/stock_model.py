"""The inventory as plain Python: what must be true of codes, said once more without a database.

Every deed either changes the stock or is not possible; whoever asks for what is not possible must be refused.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

POOL_SPAN = 2**32


class NotPossible(Exception):
    """The stock does not allow it: the product has to refuse it."""


@dataclass(frozen=True)
class Code:
    """Where one code is."""

    upload: str
    hold: int | None = None
    is_revoked: bool = False


@dataclass(frozen=True)
class Hold:
    """What some codes are held for."""

    kind: str
    status: str


@dataclass(frozen=True)
class Given:
    """A fan's code of one hold."""

    code: int
    voided: str = ""


@dataclass
class Stock:
    """Codes by id, and everything that says what they are for. ``given`` is by entry and hold."""

    last: dict[int, int]
    codes: dict[int, Code] = field(default_factory=dict)
    holds: dict[int, Hold] = field(default_factory=dict)
    given: dict[tuple[int, int], Given] = field(default_factory=dict)
    former: dict[int, tuple[int, int]] = field(default_factory=dict)
    redeemed: set[int] = field(default_factory=set)
    values: dict[str, str] = field(default_factory=dict)
    """Which upload a value came with."""
    undone: set[str] = field(default_factory=set)
    blocked: set[int] = field(default_factory=set)
    hand: int | None = None

    def copy(self) -> "Stock":
        """The same, to try something out."""
        return Stock(
            last=dict(self.last),
            codes=dict(self.codes),
            holds=dict(self.holds),
            given=dict(self.given),
            former=dict(self.former),
            redeemed=set(self.redeemed),
            values=dict(self.values),
            undone=set(self.undone),
            blocked=set(self.blocked),
            hand=self.hand,
        )

    # What there is.

    def of_pool(self, pool: int) -> list[int]:
        """A pool's codes, in order."""
        return sorted(code for code in self.codes if code // POOL_SPAN == pool)

    def free(self, pool: int) -> list[int]:
        """A pool's free codes, in order."""
        return [code for code in self.of_pool(pool) if self._is_free(self.codes[code])]

    def _is_free(self, code: Code) -> bool:
        return code.hold is None and not code.is_revoked

    def first_fresh(self, pool: int) -> int:
        """The first free code that nobody has used."""
        fresh = [code for code in self.free(pool) if code not in self.redeemed]
        if not fresh:
            raise NotPossible("no code is free")
        return fresh[0]

    def in_hold(self, hold: int) -> list[int]:
        """A hold's codes in order, without those that were revoked in it."""
        return sorted(key for key, code in self.codes.items() if code.hold == hold and not code.is_revoked)

    def state(self, key: int) -> str:
        """What a code is."""
        code = self.codes[key]
        if code.is_revoked:
            return "revoked"
        if code.hold is None:
            return "available"
        return "assigned" if self.holds[code.hold].status == "assigned" else "reserved"

    def held_for(self, kind: str) -> list[int]:
        """The holds of a kind that are neither assigned nor released."""
        return [key for key, hold in self.holds.items() if hold == Hold(kind, "held")]

    # What happens to it.

    def upload(self, upload: str, pool: int, values: Iterable[str]) -> tuple[int, int, int]:
        """Add what is new; give how many were added, were there already, or belong to another pool."""
        added = there = elsewhere = 0
        for value in values:
            if value not in self.values:
                added += 1
                self.values[value] = upload
                self.last[pool] += 1
                self.codes[pool * POOL_SPAN + self.last[pool]] = Code(upload)
            elif self._pool_of(self.values[value]) == pool:
                there += 1
            else:
                elsewhere += 1
        return added, there, elsewhere

    def _pool_of(self, upload: str) -> int:
        return next(key // POOL_SPAN for key, code in self.codes.items() if code.upload == upload)

    def undo(self, upload: str) -> None:
        """Take an upload's codes out, as long as nothing has happened to any of them."""
        own = {key for key, code in self.codes.items() if code.upload == upload}
        if upload in self.undone or not own:
            raise NotPossible("it was undone, or added nothing")
        if any(not self._is_free(self.codes[key]) for key in own) or own & self.redeemed:
            raise NotPossible("some of its codes are in use")
        self.undone.add(upload)
        for key in own:
            del self.codes[key]
        self.values = {value: other for value, other in self.values.items() if other != upload}

    def hold(self, hold: int, kind: str, parts: Mapping[int, int] | None) -> None:
        """Take the first so many free codes of each pool, or all of every pool."""
        if kind == "wave" and self.held_for("wave"):
            raise NotPossible("another wave holds codes")
        counts = {pool: len(self.free(pool)) for pool in self.last} if parts is None else parts
        if any(count > len(self.free(pool)) for pool, count in counts.items()):
            raise NotPossible("a pool has too few")
        if parts is not None and not any(parts.values()):
            raise NotPossible("nothing was asked for")
        self.holds[hold] = Hold(kind, "held")
        for pool, count in counts.items():
            self._put(self.free(pool)[:count], hold)

    def _put(self, codes: Iterable[int], hold: int | None) -> None:
        for key in codes:
            self.codes[key] = replace(self.codes[key], hold=hold)

    def place(self, hold: int, placed: Mapping[int, Sequence[int]]) -> None:
        """Give the entries of each pool its first codes in the hold, and let the rest go."""
        for pool in self.last:
            own = [key for key in self.in_hold(hold) if key // POOL_SPAN == pool]
            entries = placed.get(pool, ())
            if len(entries) > len(own):
                raise NotPossible("more places than codes")
            for entry, key in zip(entries, own, strict=False):
                if (entry, hold) in self.given:
                    raise NotPossible("a fan twice in a hold")
                self.given[entry, hold] = Given(key)
            self._put(own[len(entries) :], None)

    def assign(self, hold: int) -> None:
        """The trigger: the codes become the fans', but for those who are blocked by now."""
        if self.holds[hold] != Hold("wave", "held"):
            raise NotPossible("not held for a wave")
        for (entry, of), given in list(self.given.items()):
            if of == hold and entry in self.blocked:
                self._revoke(given.code)
                self.given[entry, of] = replace(given, voided="excluded")
        self.holds[hold] = Hold("wave", "assigned")

    def _revoke(self, key: int) -> None:
        self.codes[key] = replace(self.codes[key], is_revoked=True)

    def release(self, hold: int) -> None:
        """Everything in the hold goes back; what was revoked in it stays revoked."""
        if self.holds[hold].status != "held":
            raise NotPossible("assigned, or released before")
        self._put([key for key, code in self.codes.items() if code.hold == hold], None)
        self.given = {key: given for key, given in self.given.items() if key[1] != hold}
        self.holds[hold] = replace(self.holds[hold], status="released")

    def revoke(self, key: int) -> None:
        """Take a code out of the stock, unless a fan has it or a draw counts on it."""
        code = self.codes.get(key)
        if code is None or code.is_revoked:
            raise NotPossible("revoked already, or gone")
        if code.hold is not None and self.holds[code.hold].kind != "reserve":
            raise NotPossible("a fan has it, or a draw counts on it")
        self._revoke(key)

    def swap(self, key: int) -> None:
        """Put another code in the place of a held one."""
        code = self.codes.get(key)
        if code is None or code.is_revoked or code.hold is None or self.holds[code.hold].status != "held":
            raise NotPossible("not held")
        new = self.first_fresh(key // POOL_SPAN)
        self._put([new], code.hold)
        self._revoke(key)
        for place, given in self.given.items():
            if given.code == key:
                self.given[place] = replace(given, code=new)

    def give(self, entry: int, pool: int, hold: int | None) -> None:
        """Give a fan a code by hand; she has at most one such in force. ``hold`` is where gifts are kept."""
        new = self.first_fresh(pool)
        before = None if hold is None else self.given.get((entry, hold))
        if entry in self.blocked or (before is not None and not before.voided):
            raise NotPossible("she is out, or has one")
        if hold is None:
            return  # Only asked whether it were possible.
        if before is not None:
            self.former[before.code] = (entry, hold)
        self.hand = hold
        self.holds[hold] = Hold("hand", "assigned")
        self._put([new], hold)
        self.given[entry, hold] = Given(new)

    def take_back(self, entry: int, hold: int, code: int) -> None:
        """A fan's code is no longer hers, if it is still this one."""
        if self.holds[hold].status != "assigned":
            raise NotPossible("she does not have it yet")
        given = self._in_force(entry, hold, code)
        self._revoke(given.code)
        self.given[entry, hold] = replace(given, voided="taken_back")

    def replace(self, entry: int, hold: int, code: int) -> None:
        """A fan's code, if it is still this one, gives way to another of its pool. Before the trigger it is a swap."""
        given = self._in_force(entry, hold, code)
        if self.holds[hold].status == "held":
            self.swap(code)
            return
        new = self.first_fresh(given.code // POOL_SPAN)
        self._put([new], hold)
        self._revoke(given.code)
        self.former[given.code] = (entry, hold)
        self.given[entry, hold] = Given(new)

    def _in_force(self, entry: int, hold: int, code: int) -> Given:
        given = self.given.get((entry, hold))
        if given is None or given.voided or given.code != code:
            raise NotPossible("she does not have this code from there")
        return given

    def redeem(self, keys: Iterable[int]) -> tuple[int, int, int]:
        """Note what was used; give how many are new, were noted before, or are no codes."""
        asked = set(keys)
        known = asked & self.codes.keys()
        new = known - self.redeemed
        self.redeemed |= new
        return len(new), len(known) - len(new), len(asked) - len(known)
