"""Run a published draw again from its bundle, by the words of the draw's page, and tell what differs.

Standard library only, slow and plain on purpose: every pair of entry and choice is sorted, and the list is
walked down once. Nothing here is shared with the program that made the bundle.
"""

import hashlib
import json
import re
from datetime import datetime
from pathlib import Path
from typing import Any

FILES_HASHED = {"rules.json": "rules_sha256", "snapshot.csv": "snapshot_sha256"}
RANKINGS = [["preference", "score"], ["preference"], ["score"], [], ["score", "preference"]]
REASONS = [
    "withdrawn",
    "excluded",
    "unconfirmed",
    "already_selected",
    "not_in_audience",
    "no_choice",
    "below_min_score",
    "above_max_score",
]
VOIDED_BECAUSE = ["withdrawn", "excluded", "erased"]
MANIFEST_KEYS = (
    {"format", "software", "campaign", "wave", "number", "commitments", "committed_at"}
    | {"rules_sha256", "snapshot_sha256", "root", "entries", "frozen_at", "public_value", "secret"}
    | {"allocation_sha256", "placed", "signing_key", "abandoned"}
)
RULES_KEYS = {"format", "campaign", "wave", "number", "ranking", "score_tier", "score_min", "score_max"} | {
    "audience",
    "reassign",
    "public_source",
    "previous_allocation_sha256",
    "previous_voided_sha256",
    "markets",
}

CODE = r"[A-Za-z0-9._-]{1,40}"
DATE_KEY = r"\d{4}-\d\d-\d\dT\d\d:\d\db?"
HASH = r"[0-9a-f]{64}"
REF = r"[0-9a-f]{32}"
WHOLE_NUMBER = r"0|[1-9][0-9]*"


class Unreadable(Exception):
    """A file is so broken that nothing after it can be checked."""


def differences(folder: Path, *, commitments_sha256: str | None = None) -> list[str]:
    """Return every difference found in a bundle, none where all of it holds.

    The commitments stand in the manifest alone; a fan's receipt of her registration has their hash, and only
    with it can be told that they are the ones of then.
    """
    found: list[str] = []
    try:
        rules = read_json(folder / "rules.json")
        manifest = read_json(folder / "manifest.json")
        check_rules(rules, found)
        check_manifest(manifest, rules, found)
        for name, key in FILES_HASHED.items():
            expect(hash_of(folder / name) == manifest[key], f"{name} has not the hash {key}", found)
        lines, entries = read_snapshot(folder / "snapshot.csv", rules, found)
        root = merkle_root(lines)
        expect(root.hex() == manifest["root"], "the root is not that of the snapshot", found)
        expect(len(entries) == manifest["entries"], "the number of entries is another", found)
        check_commitments(manifest, commitments_sha256, found)
        if manifest["allocation_sha256"] is None:
            check_not_drawn(folder, manifest, found)
        else:
            check_allocation(folder, rules, manifest, root, entries, found)
    except Unreadable as problem:
        found.append(str(problem))
    except FileNotFoundError as missing:
        found.append(f"{Path(missing.filename).name} is missing")
    return found


def expect(holds: object, otherwise: str, found: list[str]) -> None:
    """Note a difference where something does not hold."""
    if not holds:
        found.append(otherwise)


def matches(pattern: str, value: object) -> bool:
    """Tell whether a value is a text of exactly this form."""
    return isinstance(value, str) and re.fullmatch(pattern, value, re.ASCII) is not None


def is_number(value: object, lowest: int, highest: int | None = None) -> bool:
    """Tell whether a value is a whole number between bounds; true and false are none."""
    return type(value) is int and lowest <= value and (highest is None or value <= highest)


def hash_of(path: Path) -> str:
    """Return a file's SHA-256 in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file that ends with a newline and names no key twice."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        if len({key for key, _ in pairs}) < len(pairs):
            raise ValueError("a key stands twice")
        return dict(pairs)

    try:
        text = path.read_bytes().decode("utf-8")
        value = json.loads(text, object_pairs_hook=once)
    except ValueError as error:
        raise Unreadable(f"{path.name} cannot be read: {error}") from error
    if not isinstance(value, dict) or not text.endswith("\n"):
        raise Unreadable(f"{path.name} is not one object, ended by a newline")
    return value


def read_lines(path: Path, header: str) -> list[str]:
    """Return a table's lines behind its header, without their newlines."""
    text = path.read_bytes().decode("utf-8", errors="replace")
    if not text.startswith(header + "\n") or not text.endswith("\n"):
        raise Unreadable(f"{path.name} has another header, or its last line is not ended")
    return text.split("\n")[1:-1]


def check_rules(rules: dict[str, Any], found: list[str]) -> None:
    """Look at every value of rules.json."""
    if set(rules) != RULES_KEYS:
        raise Unreadable("rules.json has other keys")
    expect(rules["format"] == "monoql-draw/1", "rules: another format", found)
    expect(isinstance(rules["campaign"], str) and rules["campaign"], "rules: no campaign", found)
    expect(is_date_key(rules["wave"]), "rules: wave", found)
    expect(is_number(rules["number"], 1, 32), "rules: number", found)
    expect(type(rules["reassign"]) is bool, "rules: reassign", found)
    expect(isinstance(rules["public_source"], str), "rules: public_source", found)
    audience = rf"all|waitlisted:{DATE_KEY}|fanlist:\S+"
    expect(matches(audience, rules["audience"]), "rules: audience", found)
    for key in ("score_min", "score_max"):
        expect(rules[key] is None or is_number(rules[key], 0, 100), f"rules: {key}", found)
    for key in ("previous_allocation_sha256", "previous_voided_sha256"):
        expect(matches(f"|{HASH}", rules[key]), f"rules: {key}", found)
    if rules["ranking"] not in RANKINGS or not is_number(rules["score_tier"], 1):
        raise Unreadable("rules: no ranking or no score_tier to go by")
    if not isinstance(rules["markets"], dict):
        raise Unreadable("rules: no markets")
    for code, market in rules["markets"].items():
        check_market(code, market, found)


def check_market(code: str, market: Any, found: list[str]) -> None:
    """Look at one market of the rules, its split and its events."""
    try:
        places, split, events = market["places"], market["split"], market["events"]
        event_codes = [event["event"] for event in events]
        event_places = [event["places"] for event in events]
        whole = len(market) == 3 and all(len(event) == 2 for event in events)
    except (KeyError, TypeError) as error:
        raise Unreadable(f"rules: market {code} lacks something") from error
    expect(whole, f"rules: market {code} says too much", found)
    expect(matches(CODE, code), f"rules: market code {code!r}", found)
    expect(all(matches(CODE, event) for event in event_codes), f"rules: event codes of {code}", found)
    expect(len(set(event_codes)) == len(event_codes), f"rules: an event of {code} twice", found)
    if not all(is_number(number, 0) for number in [places, *event_places]):
        raise Unreadable(f"rules: places of {code}")
    if split == "concurrent":
        expect(events == [], f"rules: {code} is concurrent and has events", found)
    else:
        expect(split == "sequential" and events, f"rules: split of {code}", found)
        expect(sum(event_places) == places, f"rules: places of the events of {code}", found)


def is_date_key(value: object) -> bool:
    """Tell whether a value is a wave's dateKey, of a day and time that exist."""
    return matches(DATE_KEY, value) and is_time(str(value)[:16], "%Y-%m-%dT%H:%M")


def is_time(value: object, form: str) -> bool:
    """Tell whether a value is a time that exists, written in this form."""
    try:
        return datetime.strptime(str(value), form).strftime(form) == value  # noqa: DTZ007 - only its form counts.
    except ValueError:
        return False


def check_manifest(manifest: dict[str, Any], rules: dict[str, Any], found: list[str]) -> None:
    """Look at the manifest's own values, and at what it repeats of the rules."""
    if set(manifest) != MANIFEST_KEYS:
        raise Unreadable("manifest.json has other keys")
    for key in ("format", "campaign", "wave", "number"):
        expect(manifest[key] == rules[key], f"manifest and rules have another {key}", found)
    expect(isinstance(manifest["software"], str) and manifest["software"], "manifest: software", found)
    for key in ("committed_at", "frozen_at"):
        expect(is_time(manifest[key], "%Y-%m-%dT%H:%M:%SZ"), f"manifest: {key}", found)
    expect(str(manifest["committed_at"]) <= str(manifest["frozen_at"]), "frozen before committed", found)
    for key in ("rules_sha256", "snapshot_sha256", "root", "signing_key"):
        expect(matches(HASH, manifest[key]), f"manifest: {key}", found)
    for key in ("secret", "allocation_sha256"):
        expect(manifest[key] is None or matches(HASH, manifest[key]), f"manifest: {key}", found)
    expect(is_number(manifest["entries"], 0), "manifest: entries", found)
    abandoned = manifest["abandoned"]
    expect(abandoned is None or (isinstance(abandoned, str) and abandoned), "manifest: abandoned", found)
    check_public_value(manifest, rules, found)


def check_public_value(manifest: dict[str, Any], rules: dict[str, Any], found: list[str]) -> None:
    """The rules name a source and the manifest its value, or neither does."""
    value = manifest["public_value"]
    if rules["public_source"] == "":
        expect(value == "", "a public value without a source", found)
    elif value is None:
        expect(manifest["allocation_sha256"] is None, "drawn without the public value", found)
    else:
        expect(matches("[!-~]([ -~]{0,254}[!-~])?", value), "manifest: public_value", found)


def check_commitments(manifest: dict[str, Any], known: str | None, found: list[str]) -> None:
    """The secret is the one that this wave's number stands for."""
    commitments, number = manifest["commitments"], manifest["number"]
    if not isinstance(commitments, list) or not all(matches(HASH, one) for one in commitments):
        raise Unreadable("manifest: commitments")
    expect(len(commitments) == 32, "there are not 32 commitments", found)
    written = "".join(f"{one}\n" for one in commitments).encode()
    if known is not None:
        expect(hashlib.sha256(written).hexdigest() == known, "other commitments than the receipt's", found)
    if matches(HASH, manifest["secret"]) and is_number(number, 1, len(commitments)):
        hashed = hashlib.sha256(bytes.fromhex(manifest["secret"])).hexdigest()
        expect(hashed == commitments[number - 1], "the secret is not the one committed to", found)


def read_snapshot(
    path: Path, rules: dict[str, Any], found: list[str]
) -> tuple[list[str], list[tuple[str, str, int, list[str]]]]:
    """Return the snapshot's lines, and (ref, reason, tier, choices) of each."""
    lines = read_lines(path, "ref,reason,tier,choices")
    uses_score = "score" in rules["ranking"]
    highest_tier = 100 // rules["score_tier"] if uses_score else 0
    entries: list[tuple[str, str, int, list[str]]] = []
    for number, line in enumerate(lines, start=2):
        fields = line.split(",")
        if len(fields) != 4 or not matches(WHOLE_NUMBER, fields[2]):
            raise Unreadable(f"snapshot.csv, line {number}: not four fields with a tier")
        ref, reason, tier = fields[0], fields[1], int(fields[2])
        choices = fields[3].split("|") if fields[3] else []
        where = f"snapshot.csv, line {number}: "
        expect(matches(REF, ref), where + "ref", found)
        expect(not entries or entries[-1][0] < ref, where + "out of order", found)
        expect(reason == "" or reason in REASONS, where + "reason", found)
        expect(tier <= highest_tier, where + "tier", found)
        expect(len(set(choices)) == len(choices), where + "a market twice", found)
        if not set(choices) <= set(rules["markets"]):
            raise Unreadable(where + "a market of another wave")
        expect(choices or reason, where + "no choice and no reason", found)
        entries.append((ref, reason, tier, choices))
    return lines, entries


def merkle_root(lines: list[str]) -> bytes:
    """Return the root over the lines by RFC 6962's own recursive words."""
    if not lines:
        return hashlib.sha256(b"").digest()
    if len(lines) == 1:
        return hashlib.sha256(b"\x00" + lines[0].encode()).digest()
    left = 1
    while left * 2 < len(lines):
        left *= 2
    return hashlib.sha256(b"\x01" + merkle_root(lines[:left]) + merkle_root(lines[left:])).digest()


def walk_down(
    pairs: list[tuple[str, int, str, int, int]], ranking: list[str], places: dict[str, int]
) -> dict[str, tuple[str, int, int]]:
    """The one rule over pairs of (ref, choice, market, tier, ticket): each ref's market, choice, position."""

    def place_in_list(pair: tuple[str, int, str, int, int]) -> list[Any]:
        ref, choice, _, tier, ticket = pair
        by = {"score": -tier, "preference": choice}
        return [by[criterion] for criterion in ranking] + [ticket, ref, choice]

    taken = dict.fromkeys(places, 0)
    placed: dict[str, tuple[str, int, int]] = {}
    for ref, choice, market, _, _ in sorted(pairs, key=place_in_list):
        if ref not in placed and taken[market] < places[market]:
            taken[market] += 1
            placed[ref] = (market, choice, taken[market])
    return placed


def check_not_drawn(folder: Path, manifest: dict[str, Any], found: list[str]) -> None:
    """Before the draw, or where it was abandoned before it, there is nothing of it."""
    expect(manifest["placed"] is None, "placed without an allocation", found)
    for name in ("allocation.csv", "voided.csv"):
        expect(not (folder / name).exists(), f"{name} without an allocation", found)


def check_allocation(
    folder: Path,
    rules: dict[str, Any],
    manifest: dict[str, Any],
    root: bytes,
    entries: list[tuple[str, str, int, list[str]]],
    found: list[str],
) -> None:
    """Draw again and compare, byte for byte."""
    path = folder / "allocation.csv"
    if not matches(HASH, manifest["secret"]) or not isinstance(manifest["public_value"], str):
        raise Unreadable("the secret or the public value is missing, so the order cannot be checked")
    rules_hash = hashlib.sha256((folder / "rules.json").read_bytes()).digest()
    public_value = manifest["public_value"].encode("ascii", errors="replace")
    material = bytes.fromhex(manifest["secret"]) + root + rules_hash + public_value
    key = hashlib.sha256(b"monoql-draw/1\n" + material).digest()
    pairs = []
    for ref, reason, tier, choices in entries:
        ticket = int.from_bytes(hashlib.sha256(key + ref.encode()).digest()[:8], "big")
        if reason == "":
            pairs += [(ref, rank, market, tier, ticket) for rank, market in enumerate(choices, start=1)]
    markets = rules["markets"]
    placed = walk_down(pairs, rules["ranking"], {code: market["places"] for code, market in markets.items()})
    rows = sorted((market, position, ref, choice) for ref, (market, choice, position) in placed.items())
    text = "ref,market,choice,event,position\n"
    for market, position, ref, choice in rows:
        text += f"{ref},{market},{choice},{event_at(markets[market]['events'], position)},{position}\n"
    expect(path.read_bytes() == text.encode(), "the allocation is not the one that follows", found)
    expect(hash_of(path) == manifest["allocation_sha256"], "allocation.csv has another hash", found)
    expect(manifest["placed"] == len(placed), "the number of placed entries is another", found)
    if (folder / "voided.csv").exists():
        check_voided(read_lines(folder / "voided.csv", "ref,reason"), placed, found)


def event_at(events: list[dict[str, Any]], position: int) -> str:
    """Return the event whose places a position falls into; none where the market's events share one pool."""
    for event in events:
        if position <= event["places"]:
            return str(event["event"])
        position -= event["places"]
    return ""


def check_voided(lines: list[str], placed: dict[str, tuple[str, int, int]], found: list[str]) -> None:
    """Only those who had a place lost one, each once, in order, for a reason that there is."""
    refs = []
    for number, line in enumerate(lines, start=2):
        ref, _, reason = line.partition(",")
        expect(ref in placed, f"voided.csv, line {number}: had no place", found)
        expect(reason in VOIDED_BECAUSE, f"voided.csv, line {number}: reason", found)
        refs.append(ref)
    expect(refs == sorted(set(refs)), "voided.csv is not in order, or names somebody twice", found)
