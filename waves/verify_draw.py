#!/usr/bin/env python3
"""Run a published draw again, and say OK or the first difference.

    python3 verify_draw.py FOLDER [RECEIPT …] [--commitments-sha256 HEX] [--manifest-sha256 HEX] [--voided-sha256 HEX]

FOLDER holds the bundle of one wave: rules.json, manifest.json, snapshot.csv, allocation.csv and voided.csv. A RECEIPT
is a file that a fan has: of her registration or of a wave. Python 3.12 and nothing else is needed.

What OK says: the snapshot is the one that was frozen, the secret is the one committed to before anybody registered, the
random order follows from both and from the rules, and the places follow from the order. What it cannot say: whether a
score was fair, whether every entry was a real person, or whether the commitments are the ones published back then. For
the last, pass --commitments-sha256 or a registration's receipt from that time. Some of manifest.json (times, software,
signing key) and voided.csv follow from nothing else: pass their hashes as the draw's page tells them.
"""

import argparse
import hashlib
import json
import re
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

FORMAT = "monoql-draw/1"
RANKINGS = [["preference", "score"], ["preference"], ["score"], [], ["score", "preference"]]
REASONS = {"withdrawn", "excluded", "unconfirmed", "already_selected", "not_in_audience", "no_choice"} | {
    "below_min_score",
    "above_max_score",
}
VOIDED_BECAUSE = {"withdrawn", "excluded", "erased"}
MANIFEST_KEYS = {"format", "software", "campaign", "wave", "number", "commitments", "committed_at", "rules_sha256"} | {
    "snapshot_sha256",
    "root",
    "entries",
    "frozen_at",
    "public_value",
    "secret",
    "allocation_sha256",
    "placed",
    "signing_key",
    "abandoned",
}
RULES_KEYS = {"format", "campaign", "wave", "number", "ranking", "score_tier", "score_min", "score_max"} | {
    "audience",
    "reassign",
    "public_source",
    "previous_allocation_sha256",
    "previous_voided_sha256",
    "markets",
}
CODE, HASH, REF, NUMBER = r"[A-Za-z0-9._-]{1,40}", r"[0-9a-f]{64}", r"[0-9a-f]{32}", r"0|[1-9][0-9]*"
DATE_KEY = r"\d{4}-\d\d-\d\dT\d\d:\d\db?"
MOST_IN_LIST = 1 << 16  # A choice and a market's place in the list fit into 16 bits.


class Difference(Exception):
    """The first thing that is not as it has to be."""


def expect(holds: object, otherwise: str) -> None:
    """Stop where something does not hold."""
    if not holds:
        raise Difference(otherwise)


def is_text(pattern: str, value: object) -> bool:
    """Whether a value is a text of exactly this form."""
    return isinstance(value, str) and re.fullmatch(pattern, value, re.ASCII) is not None


def is_number(value: object, lowest: int, highest: int | None = None) -> bool:
    """Whether a value is a whole number between bounds; true and false are none."""
    return type(value) is int and lowest <= value and (highest is None or value <= highest)


def is_moment(value: object, form: str) -> bool:
    """Whether a value is a time that exists, written in this form."""
    try:
        return datetime.strptime(str(value), form).strftime(form) == value  # noqa: DTZ007  Only its form counts.
    except ValueError:
        return False


def sha256(data: bytes) -> bytes:
    """The SHA-256 of some bytes."""
    return hashlib.sha256(data).digest()


def object_in(data: bytes, name: str) -> dict[str, Any]:
    """The JSON object that some bytes are; no key in it stands twice."""

    def without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        expect(len({key for key, _ in pairs}) == len(pairs), f"{name}: a key stands twice")
        return dict(pairs)

    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=without_doubles)
    except ValueError as error:
        raise Difference(f"{name} is not JSON in UTF-8: {error}") from error
    expect(isinstance(value, dict), f"{name} is not one JSON object")
    found: dict[str, Any] = value
    return found


def lines_of(path: Path, header: str) -> Iterator[tuple[int, str]]:
    """The lines of a table behind its header, with their numbers and without their newlines."""
    with path.open("rb") as file:
        expect(file.readline() == header.encode() + b"\n", f"{path.name}: the first line is not {header}")
        for number, line in enumerate(file, start=2):
            expect(line.endswith(b"\n"), f"{path.name}, line {number}: it is not ended by a newline")
            expect(line.isascii() and b"\r" not in line, f"{path.name}, line {number}: strange characters")
            yield number, line[:-1].decode("ascii")


# The rules and the manifest


def check_rules(rules: dict[str, Any]) -> None:
    """Every value of rules.json is one that the draw knows."""
    expect(set(rules) == RULES_KEYS, "rules.json has other keys")
    expect(rules["format"] == FORMAT, "rules.json: another format")
    expect(isinstance(rules["campaign"], str) and rules["campaign"], "rules.json: campaign")
    expect(is_date_key(rules["wave"]), "rules.json: wave")
    expect(is_number(rules["number"], 1, 32), "rules.json: number")
    expect(rules["ranking"] in RANKINGS, "rules.json: ranking")
    expect(is_number(rules["score_tier"], 1), "rules.json: score_tier")
    for key in ("score_min", "score_max"):
        expect(rules[key] is None or is_number(rules[key], 0, 100), f"rules.json: {key}")
    expect(is_text(rf"all|waitlisted:{DATE_KEY}|fanlist:\S+", rules["audience"]), "rules.json: audience")
    expect(type(rules["reassign"]) is bool, "rules.json: reassign")
    expect(isinstance(rules["public_source"], str), "rules.json: public_source")
    for key in ("previous_allocation_sha256", "previous_voided_sha256"):
        expect(is_text(f"|{HASH}", rules[key]), f"rules.json: {key}")
    expect(isinstance(rules["markets"], dict) and len(rules["markets"]) < MOST_IN_LIST, "rules.json: markets")
    for code, market in rules["markets"].items():
        check_market(code, market)


def check_market(code: str, market: Any) -> None:
    """A market has places, a split, and the events that the split asks for."""
    where = f"rules.json, market {code}"
    expect(is_text(CODE, code), f"{where}: its code")
    expect(isinstance(market, dict) and set(market) == {"places", "split", "events"}, f"{where}: its keys")
    places, split, events = market["places"], market["split"], market["events"]
    expect(is_number(places, 0), f"{where}: places")
    expect(isinstance(events, list), f"{where}: events")
    for event in events:
        expect(isinstance(event, dict) and set(event) == {"event", "places"}, f"{where}: an event's keys")
        expect(is_text(CODE, event["event"]) and is_number(event["places"], 0), f"{where}: an event")
    expect(len({event["event"] for event in events}) == len(events), f"{where}: an event stands twice")
    if split == "concurrent":
        expect(not events, f"{where}: it is concurrent and lists events")
    else:
        expect(split == "sequential" and events, f"{where}: split")
        expect(sum(event["places"] for event in events) == places, f"{where}: its events have other places in sum")


def is_date_key(value: object) -> bool:
    """Whether a value is a wave's dateKey."""
    return is_text(DATE_KEY, value) and is_moment(str(value)[:16], "%Y-%m-%dT%H:%M")


def check_manifest(manifest: dict[str, Any], rules: dict[str, Any]) -> None:
    """Every value of the manifest is well formed, and what it repeats of the rules is the same."""
    expect(set(manifest) == MANIFEST_KEYS, "manifest.json has other keys")
    for key in ("format", "campaign", "wave", "number"):
        expect(manifest[key] == rules[key], f"manifest.json and rules.json have another {key}")
    expect(isinstance(manifest["software"], str) and manifest["software"], "manifest.json: software")
    for key in ("committed_at", "frozen_at"):
        expect(is_moment(manifest[key], "%Y-%m-%dT%H:%M:%SZ"), f"manifest.json: {key}")
    expect(manifest["committed_at"] <= manifest["frozen_at"], "manifest.json: frozen before anything was committed to")
    for key in ("rules_sha256", "snapshot_sha256", "root", "signing_key"):
        expect(is_text(HASH, manifest[key]), f"manifest.json: {key}")
    for key in ("secret", "allocation_sha256"):
        expect(manifest[key] is None or is_text(HASH, manifest[key]), f"manifest.json: {key}")
    expect(is_number(manifest["entries"], 0), "manifest.json: entries")
    abandoned = manifest["abandoned"]
    expect(abandoned is None or (isinstance(abandoned, str) and abandoned), "manifest.json: abandoned")
    check_public_value(manifest, rules)


def check_public_value(manifest: dict[str, Any], rules: dict[str, Any]) -> None:
    """The rules name a source and the manifest its value, or neither does."""
    value = manifest["public_value"]
    if not rules["public_source"]:
        expect(value == "", "manifest.json: a public value without a source")
    elif value is None:
        expect(manifest["allocation_sha256"] is None, "manifest.json: drawn without the public value")
    else:
        expect(is_text("[!-~]([ -~]{0,254}[!-~])?", value), "manifest.json: public_value")


def check_commitments(manifest: dict[str, Any], known: list[str]) -> None:
    """The secret is the one that was committed to under this wave's number."""
    commitments = manifest["commitments"]
    expect(
        isinstance(commitments, list) and len(commitments) == 32 and all(is_text(HASH, one) for one in commitments),
        "manifest.json: there are not 32 commitments",
    )
    written = sha256("".join(f"{one}\n" for one in commitments).encode()).hex()
    for one in known:
        expect(one == written, f"the commitments are not those of {one}, which were published earlier")
    if manifest["secret"] is not None:
        hashed = sha256(bytes.fromhex(manifest["secret"])).hex()
        expect(hashed == commitments[manifest["number"] - 1], "the secret is not the one that was committed to")


# The snapshot and its tree


class Tree:
    """The Merkle root of RFC 6962 over lines that come one by one.

    Kept are the roots of the whole subtrees so far, the largest first; their sizes are the binary digits of the count.
    """

    def __init__(self) -> None:
        self.count = 0
        self.whole: list[bytes] = []

    def add(self, line: str) -> None:
        """Take the next line; two whole subtrees of one size become one of twice the size."""
        self.whole.append(leaf_of(line))
        self.count += 1
        size = self.count
        while size % 2 == 0:
            right = self.whole.pop()
            self.whole.append(node_of(self.whole.pop(), right))
            size //= 2

    def root(self) -> bytes:
        """The root over all lines so far."""
        if not self.whole:
            return sha256(b"")
        found = self.whole[-1]
        for left in reversed(self.whole[:-1]):
            found = node_of(left, found)
        return found


def leaf_of(line: str) -> bytes:
    """A leaf's hash."""
    return sha256(b"\x00" + line.encode("ascii"))


def node_of(left: bytes, right: bytes) -> bytes:
    """The hash of the node above two others."""
    return sha256(b"\x01" + left + right)


class Snapshot:
    """Who took part. Entries are numbered from 0 in the order of their refs; ``lines`` keeps those asked for."""

    def __init__(self, path: Path, rules: dict[str, Any], wanted: set[str]) -> None:
        self.refs: list[str] = []
        self.reasons: list[str] = []
        self.tiers: list[int] = []
        self.choices: list[tuple[int, ...]] = []
        self.lines: dict[str, str] = {}
        tree, digest = Tree(), hashlib.sha256(b"ref,reason,tier,choices\n")
        self._markets = {code: number for number, code in enumerate(rules["markets"])}
        self._highest_tier = 100 // rules["score_tier"] if "score" in rules["ranking"] else 0
        self._orders: dict[str, tuple[int, ...]] = {"": ()}
        for number, line in lines_of(path, "ref,reason,tier,choices"):
            tree.add(line)
            digest.update(line.encode("ascii") + b"\n")
            self._take(line, f"snapshot.csv, line {number}")
            if self.refs[-1] in wanted:
                self.lines[self.refs[-1]] = line
        self.root, self.sha256 = tree.root(), digest.hexdigest()

    def _take(self, line: str, where: str) -> None:
        fields = line.split(",")
        expect(len(fields) == 4, f"{where}: it has not four fields")
        ref, reason, tier, choices = fields
        expect(is_text(REF, ref), f"{where}: ref")
        expect(not self.refs or self.refs[-1] < ref, f"{where}: it is out of order")
        expect(not reason or reason in REASONS, f"{where}: reason")
        expect(is_text(NUMBER, tier) and int(tier) <= self._highest_tier, f"{where}: tier")
        if choices not in self._orders:
            named = choices.split("|")
            expect(all(code in self._markets for code in named), f"{where}: a market that the wave has not")
            expect(len(set(named)) == len(named), f"{where}: a market stands twice")
            self._orders[choices] = tuple(self._markets[code] for code in named)
        expect(choices or reason, f"{where}: neither a choice nor a reason")
        self.refs.append(ref)
        self.reasons.append(sys.intern(reason))
        self.tiers.append(int(tier))
        self.choices.append(self._orders[choices])


# The draw


def draw_key(manifest: dict[str, Any], root: bytes, rules_json: bytes) -> bytes:
    """The key that orders the entries."""
    public_value = manifest["public_value"].encode("ascii")
    secret = bytes.fromhex(manifest["secret"])
    return sha256(b"monoql-draw/1\n" + secret + root + sha256(rules_json) + public_value)


def ticket_of(key: bytes, ref: str) -> int:
    """A fan's random number; lower is earlier."""
    return int.from_bytes(sha256(key + ref.encode("ascii"))[:8], "big")


def sorted_pairs(snapshot: Snapshot, ranking: list[str], key: bytes) -> list[int]:
    """Every pair (entry, choice) of the entries without a reason, in the order in which they are served.

    A pair is written as one number whose digits are what it is sorted by, so that sorting needs no more than numbers:
    the ranking's criteria, then ticket, ref (the entry's number stands for it), choice; and last the market.
    """
    pairs = []
    for entry, (ref, reason) in enumerate(zip(snapshot.refs, snapshot.reasons, strict=True)):
        if reason:
            continue
        ticket = ticket_of(key, ref)
        for choice, market in enumerate(snapshot.choices[entry], start=1):
            pair = 0
            for criterion in ranking:  # A higher tier comes first, and so does a lower choice.
                pair = pair << 16 | (100 - snapshot.tiers[entry] if criterion == "score" else choice)
            pairs.append(pair << 128 | ticket << 64 | entry << 32 | choice << 16 | market)
    pairs.sort()
    return pairs


def place(pairs: list[int], places: list[int], entries: int) -> list[list[tuple[int, int]]]:
    """The one rule: go down the list once; an entry without a place takes one where its market has one left.

    Gives for each market its (entry, choice) by position.
    """
    placed: list[list[tuple[int, int]]] = [[] for _ in places]
    has_place = bytearray(entries)
    for pair in pairs:
        entry, choice, market = pair >> 32 & 0xFFFFFFFF, pair >> 16 & 0xFFFF, pair & 0xFFFF
        if not has_place[entry] and len(placed[market]) < places[market]:
            has_place[entry] = 1
            placed[market].append((entry, choice))
    return placed


def event_at(events: list[dict[str, Any]], position: int) -> str:
    """The event whose places a position falls into; none where the events share one pool."""
    for event in events:
        if position <= event["places"]:
            return str(event["event"])
        position -= event["places"]
    return ""


def allocation_lines(rules: dict[str, Any], snapshot: Snapshot, key: bytes) -> Iterator[str]:
    """The lines of allocation.csv that follow from the rules, the snapshot and the key."""
    codes = list(rules["markets"])
    places = [rules["markets"][code]["places"] for code in codes]
    placed = place(sorted_pairs(snapshot, rules["ranking"], key), places, len(snapshot.refs))
    for code in sorted(codes):
        events = rules["markets"][code]["events"]
        for position, (entry, choice) in enumerate(placed[codes.index(code)], start=1):
            yield f"{snapshot.refs[entry]},{code},{choice},{event_at(events, position)},{position}"


def check_allocation(
    folder: Path, rules: dict[str, Any], manifest: dict[str, Any], snapshot: Snapshot, key: bytes
) -> dict[str, str]:
    """Draw again and compare line by line; gives each placed ref's line."""
    header = "ref,market,choice,event,position"
    digest = hashlib.sha256(header.encode() + b"\n")
    expected = allocation_lines(rules, snapshot, key)
    placed = {}
    for number, line in lines_of(folder / "allocation.csv", header):
        follows = next(expected, "nothing")
        expect(line == follows, f"allocation.csv, line {number}: {line} stands there, and {follows} follows")
        digest.update(line.encode("ascii") + b"\n")
        placed[line[:32]] = line
    missing = next(expected, None)
    expect(missing is None, f"allocation.csv ends too early: {missing} is missing")
    expect(
        digest.hexdigest() == manifest["allocation_sha256"], "allocation.csv has another hash than the manifest says"
    )
    expect(manifest["placed"] == len(placed), "manifest.json: placed")
    return placed


def check_voided(path: Path, placed: dict[str, str]) -> None:
    """Only those who had a place lost one, each once, in order, for a reason that there is."""
    last = ""
    for number, line in lines_of(path, "ref,reason"):
        ref, _, reason = line.partition(",")
        expect(ref in placed, f"voided.csv, line {number}: this ref had no place")
        expect(reason in VOIDED_BECAUSE, f"voided.csv, line {number}: reason")
        expect(last < ref, f"voided.csv, line {number}: it is out of order")
        last = ref


# What fans have


def ref_of(receipt: dict[str, Any], name: str) -> str:
    """The ref that follows from a fan's identifier and her key."""
    expect(isinstance(receipt.get("identifier"), str), f"{name}: identifier")
    expect(is_text(HASH, receipt.get("fan_key")), f"{name}: fan_key")
    material = bytes.fromhex(receipt["fan_key"]) + receipt["identifier"].encode()
    return sha256(b"monoql-ref/1\n" + material)[:16].hex()


def check_signed(signed: dict[str, Any], name: str) -> dict[str, Any]:
    """A registration's receipt is signed over its exact bytes; gives what it says."""
    expect(is_text(r"[0-9a-f]{128}", signed.get("signature")), f"{name}: signature")
    expect(is_text(HASH, signed.get("signing_key")), f"{name}: signing_key")
    expect(isinstance(signed.get("receipt"), str), f"{name}: receipt")
    is_signed = is_signature(
        bytes.fromhex(signed["signing_key"]), signed["receipt"].encode(), bytes.fromhex(signed["signature"])
    )
    expect(is_signed, f"{name}: the signature is not that of the key")
    return object_in(signed["receipt"].encode(), name)


def check_registration(signed: dict[str, Any], manifest: dict[str, Any], snapshot: Snapshot, name: str) -> str:
    """A registration's receipt is of this campaign and signed with its key, and its ref took part."""
    receipt = check_signed(signed, name)
    expect(signed["signing_key"] == manifest["signing_key"], f"{name}: signed with another key than the wave's")
    expect(receipt.get("campaign") == manifest["campaign"], f"{name}: it is of another campaign")
    expect(receipt.get("ref") == ref_of(receipt, name), f"{name}: the ref does not follow from identifier and fan_key")
    line = snapshot.lines.get(receipt["ref"])
    if line is None:
        expect(
            receipt["time"] > manifest["frozen_at"], f"{name}: registered before the freeze, and missing in the wave"
        )
        return f"{name}: signed, and registered after this wave was frozen"
    return f"{name}: signed, and in the wave as {line}"


def check_wave_receipt(
    receipt: dict[str, Any], manifest: dict[str, Any], placed: dict[str, str], key: bytes, name: str
) -> str:
    """A wave's receipt: its line is a leaf of the tree, and ticket and outcome are those of the draw."""
    for field in ("campaign", "wave", "number", "entries", "root"):
        expect(receipt.get(field) == manifest[field], f"{name}: another {field} than the manifest's")
    expect(receipt.get("ref") == ref_of(receipt, name), f"{name}: the ref does not follow from identifier and fan_key")
    line = receipt.get("line")
    expect(isinstance(line, str) and line.startswith(receipt["ref"] + ","), f"{name}: the line is another fan's")
    expect(is_number(receipt.get("index"), 0, manifest["entries"] - 1), f"{name}: index")
    root = climb(leaf_of(str(line)), receipt["index"], manifest["entries"], receipt.get("proof"), name)
    expect(root.hex() == manifest["root"], f"{name}: the proof does not lead to the root")
    expect(receipt.get("ticket") == f"{ticket_of(key, receipt['ref']):016x}", f"{name}: ticket")
    check_outcome(receipt, str(line), placed, name)
    return f"{name}: in the tree, ticket {receipt['ticket']}, {receipt['outcome']}"


def climb(node: bytes, index: int, count: int, proof: Any, name: str) -> bytes:
    """The root to which a proof leads. On which side a step stands follows from index and count, and is compared."""
    expect(isinstance(proof, list), f"{name}: proof")
    steps = iter(proof)
    last = count - 1
    while last > 0:
        if index % 2 or index < last:  # Otherwise it is a lone last node, which goes up as it is.
            step: Any = next(steps, None)
            side = "left" if index % 2 else "right"
            expect(isinstance(step, dict) and set(step) == {"side", "hash"}, f"{name}: the proof is too short")
            expect(step["side"] == side and is_text(HASH, step["hash"]), f"{name}: a step of the proof")
            other = bytes.fromhex(step["hash"])
            node = node_of(other, node) if index % 2 else node_of(node, other)
        index //= 2
        last //= 2
    expect(next(steps, None) is None, f"{name}: the proof is too long")
    return node


def check_outcome(receipt: dict[str, Any], line: str, placed: dict[str, str], name: str) -> None:
    """The outcome is the place in the allocation, the snapshot's reason, or that the markets were full."""
    allocated = placed.get(receipt["ref"])
    if allocated is None:
        expect(receipt.get("outcome") == (line.split(",")[1] or "markets_full"), f"{name}: outcome")
        return
    expect(receipt.get("outcome") == "placed", f"{name}: outcome")
    fields = ("ref", "market", "choice", "event", "position")
    told = ",".join(str(receipt.get(field)) for field in fields)
    expect(told == allocated, f"{name}: it says {told}, and the allocation {allocated}")


# Ed25519, as in RFC 8032, for the signature of a registration's receipt

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
Point = tuple[int, int]


def add(one: Point, other: Point) -> Point:
    """The sum of two points of the curve."""
    (x, y), (u, v) = one, other
    product = D * x * u * y * v % P
    return (x * v + u * y) * pow(1 + product, -1, P) % P, (y * v + x * u) * pow(1 - product, -1, P) % P


def times(factor: int, point: Point) -> Point:
    """A point added to itself so many times."""
    total: Point = (0, 1)
    while factor:
        if factor & 1:
            total = add(total, point)
        point = add(point, point)
        factor >>= 1
    return total


def point_in(data: bytes) -> Point | None:
    """The point that 32 bytes encode, if they do."""
    number = int.from_bytes(data, "little")
    y, is_odd = number & (1 << 255) - 1, number >> 255
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if y >= P or (x * x - square) % P or (x == 0 and is_odd):
        return None
    return (P - x if x % 2 != is_odd else x), y


def is_signature(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether a signature of a message was made with the private half of a key."""
    base = point_in(bytes([0x58]) + bytes([0x66]) * 31)
    public, commitment = point_in(key), point_in(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if base is None or public is None or commitment is None or scalar >= ORDER:
        return False
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + key + message).digest(), "little") % ORDER
    return times(scalar, base) == add(commitment, times(challenge, public))


# All together


def check_published(folder: Path, published: dict[str, str]) -> list[str]:
    """The files that nothing else is bound to have the hashes that the draw's page tells."""
    found = []
    for name in ("manifest.json", "voided.csv"):
        path = folder / name
        hashed = sha256(path.read_bytes()).hex() if path.exists() else "none"
        if name in published:
            expect(hashed == published[name].lower(), f"{name} has not the hash {published[name]}, which was published")
        elif path.exists():
            found.append(f"{name} has the SHA-256 {hashed}; compare it with the one on the draw's page.")
    return found


def verify(
    folder: Path, receipts: list[Path], known_commitments: list[str], published: dict[str, str] | None = None
) -> list[str]:
    """Check a bundle and the receipts beside it; gives what was found to hold, in sentences.

    ``published`` are hashes of manifest.json and voided.csv, as the draw's page tells them.

    :raises Difference: something does not hold; nothing after it was looked at.
    """
    read = {path.name: object_in(path.read_bytes(), path.name) for path in receipts}
    signed = {name: receipt for name, receipt in read.items() if "signature" in receipt}
    said = {name: check_signed(receipt, name) for name, receipt in signed.items()}
    known = known_commitments + [str(receipt.get("commitments_sha256")) for receipt in said.values()]
    rules_json = (folder / "rules.json").read_bytes()
    rules = object_in(rules_json, "rules.json")
    manifest = object_in((folder / "manifest.json").read_bytes(), "manifest.json")
    check_rules(rules)
    check_manifest(manifest, rules)
    check_commitments(manifest, known)
    expect(sha256(rules_json).hex() == manifest["rules_sha256"], "rules.json has not the manifest's hash")
    wanted = {str(receipt.get("ref")) for receipt in said.values()}
    snapshot = Snapshot(folder / "snapshot.csv", rules, wanted)
    expect(snapshot.sha256 == manifest["snapshot_sha256"], "snapshot.csv has not the manifest's hash")
    expect(snapshot.root.hex() == manifest["root"], "the root is not that of snapshot.csv")
    expect(len(snapshot.refs) == manifest["entries"], "manifest.json: entries")
    found = [f"{manifest['entries']:,} entries stand in the tree with the root {manifest['root']}."]
    found += check_published(folder, published or {})
    found += [check_registration(one, manifest, snapshot, name) for name, one in signed.items()]
    waves = {name: receipt for name, receipt in read.items() if name not in signed}
    return found + check_drawn(folder, rules, rules_json, manifest, snapshot, waves)


def check_drawn(
    folder: Path,
    rules: dict[str, Any],
    rules_json: bytes,
    manifest: dict[str, Any],
    snapshot: Snapshot,
    receipts: dict[str, dict[str, Any]],
) -> list[str]:
    """Check what a draw made of its snapshot, where there is a draw yet."""
    if manifest["allocation_sha256"] is None:
        expect(manifest["placed"] is None, "manifest.json: placed without an allocation")
        for name in ("allocation.csv", "voided.csv"):
            expect(not (folder / name).exists(), f"{name} is there without a draw")
        why = f"it was abandoned: {manifest['abandoned']}" if manifest["abandoned"] else "it has not been drawn"
        return [f"There is no allocation to check; {why}."]
    expect(manifest["secret"] is not None, "the secret is not published yet, so the order cannot be checked")
    key = draw_key(manifest, snapshot.root, rules_json)
    placed = check_allocation(folder, rules, manifest, snapshot, key)
    found = [f"{len(placed):,} of them were placed, each as the secret, the rules and the snapshot say."]
    if (folder / "voided.csv").exists():
        check_voided(folder / "voided.csv", placed)
    return found + [check_wave_receipt(one, manifest, placed, key, name) for name, one in receipts.items()]


def main() -> int:
    """Read the command line, verify, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="the bundle")
    parser.add_argument("receipts", type=Path, nargs="*", help="receipts of fans")
    parser.add_argument("--commitments-sha256", action="append", default=[], metavar="HEX")
    parser.add_argument("--manifest-sha256", metavar="HEX")
    parser.add_argument("--voided-sha256", metavar="HEX")
    words = parser.parse_args()
    published = {"manifest.json": words.manifest_sha256, "voided.csv": words.voided_sha256}
    try:
        told = {name: text for name, text in published.items() if text}
        for sentence in verify(words.folder, words.receipts, words.commitments_sha256, told):
            print(sentence)
    except Difference as difference:
        print(f"DIFFERENT: {difference}.")
        return 1
    except (OSError, UnicodeError) as error:
        print(f"DIFFERENT: a file cannot be read: {error}.")
        return 1
    print("OK")
    return 0


if __name__ == "__main__":
    sys.exit(main())
