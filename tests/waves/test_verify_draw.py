"""The file that outsiders get: it runs alone, and checks what fans have."""

import json
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from django.utils import timezone

from campaigns.models import Campaign
from campaigns.published import published
from entries.models import Entry
from entries.receipts import registration_receipt
from tests import scenario
from tests.waves.bundles import write_bundle
from tests.waves.rerun import differences
from waves import verify_draw
from waves.fan_api import receipt_with_outcome
from waves.models import Wave
from waves.selection import trigger

SEED = 2027


@pytest.fixture
def wave(tour: Campaign) -> Wave:
    """A triggered wave: twelve fans, ten of whom have a place."""
    for number in range(12):
        scenario.register_fan(tour, f"fan{number}", ["CA-LAX", "AZ-PHX"])
    scenario.upload_codes(tour, "CA-LAX", 6)
    scenario.upload_codes(tour, "AZ-PHX", 4, event="AZ-PHX-1")
    prepared = scenario.prepare_wave(scenario.make_wave(tour))
    return trigger(wave=prepared, actor=scenario.SUPREME, now=timezone.now())


def kept(folder: Path, name: str, receipt: object) -> Path:
    """A receipt as a file."""
    path = folder / name
    path.write_text(json.dumps(receipt), encoding="utf-8")
    return path


def run(*words: object) -> tuple[int, str]:
    """Run the file alone, without the project's packages, and give its status and its last line."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", verify_draw.__file__, *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, (done.stdout + done.stderr).splitlines()[-1]


def test_it_runs_alone_and_says_ok_or_the_first_difference(tmp_path: Path) -> None:
    write_bundle(tmp_path, seed=SEED)
    good = run(tmp_path)
    path = tmp_path / "allocation.csv"
    path.write_text(path.read_text().replace(",1,", ",2,", 1))
    bad = run(tmp_path)
    path.unlink()
    gone = run(tmp_path)

    assert good == (0, "OK")
    assert bad[0] == gone[0] == 1
    assert bad[1].startswith("DIFFERENT: allocation.csv, line ")
    assert "allocation.csv" in gone[1]


def test_it_shares_no_import_with_the_product() -> None:
    lines = Path(verify_draw.__file__).read_text(encoding="utf-8").splitlines()

    imported = {line.split()[1].partition(".")[0] for line in lines if line.startswith(("import ", "from "))}

    assert imported <= sys.stdlib_module_names


@pytest.mark.django_db(transaction=True)
def test_the_receipts_of_every_fan_hold(wave: Wave, tmp_path: Path) -> None:
    folder = scenario.bundle_of(wave, tmp_path)
    known = published(wave.campaign.domain)
    receipts = []
    for entry in Entry.objects.filter(campaign=wave.campaign):
        receipts.append(kept(tmp_path, f"{entry.pk}-registration.json", registration_receipt(entry, known)))
        receipts.append(kept(tmp_path, f"{entry.pk}-wave.json", receipt_with_outcome(wave.draw, entry)))

    found = verify_draw.verify(folder, receipts, [])

    assert len(receipts) == 24
    assert sum("signed, and in the wave" in sentence for sentence in found) == 12
    assert sum("placed" in sentence and "in the tree" in sentence for sentence in found) == 10
    assert sum("markets_full" in sentence for sentence in found) == 2


@pytest.mark.django_db(transaction=True)
def test_a_receipt_that_was_changed_does_not_hold(wave: Wave, tmp_path: Path) -> None:
    folder = scenario.bundle_of(wave, tmp_path)
    entry = Entry.objects.filter(campaign=wave.campaign).order_by("pk")[0]
    good = receipt_with_outcome(wave.draw, entry)
    other = receipt_with_outcome(wave.draw, Entry.objects.filter(campaign=wave.campaign).order_by("pk")[1])

    for field in good:
        changed = {**good, field: other.get(field, "0") if other.get(field) != good[field] else "0"}
        assert differences(folder, kept(tmp_path, "changed.json", changed)), field
    short = {**good, "proof": good["proof"][:-1]}  # type: ignore[index]  # A list.
    long = {**good, "proof": [*good["proof"], {"side": "left", "hash": "0" * 64}]}  # type: ignore[misc]  # A list.
    assert differences(folder, kept(tmp_path, "short.json", short))
    assert differences(folder, kept(tmp_path, "long.json", long))


@pytest.mark.django_db(transaction=True)
def test_a_flipped_bit_of_a_signed_receipt_is_found(wave: Wave, tmp_path: Path) -> None:
    folder = scenario.bundle_of(wave, tmp_path)
    entry = Entry.objects.filter(campaign=wave.campaign).order_by("pk")[0]
    good = registration_receipt(entry, published(wave.campaign.domain))
    random = Random(SEED)

    for _ in range(20):
        name = random.choice(["signature", "signing_key", "receipt"])
        place = random.randrange(len(good[name]))
        letter = random.choice("0123456789abcdef".replace(good[name][place], ""))
        changed = {**good, name: good[name][:place] + letter + good[name][place + 1 :]}
        assert differences(folder, kept(tmp_path, "changed.json", changed)), (name, place)
    assert differences(folder, kept(tmp_path, "good.json", good)) == []


@pytest.mark.django_db(transaction=True)
def test_a_fan_who_was_dropped_before_the_freeze_can_prove_it(wave: Wave, tmp_path: Path) -> None:
    entry = Entry.objects.filter(campaign=wave.campaign).order_by("pk")[0]
    receipt = registration_receipt(entry, published(wave.campaign.domain))
    folder = scenario.bundle_of(wave, tmp_path)
    snapshot = folder / "snapshot.csv"
    lines = snapshot.read_text().splitlines(keepends=True)
    snapshot.write_text("".join(line for line in lines if not line.startswith(entry.ref)))
    manifest = json.loads((folder / "manifest.json").read_text())
    rules = json.loads((folder / "rules.json").read_text())
    dropped = verify_draw.Snapshot(snapshot, rules, {entry.ref})

    with pytest.raises(verify_draw.Difference, match="registered before the freeze, and missing"):
        verify_draw.check_registration(receipt, manifest, dropped, "hers")
