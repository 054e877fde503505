"""Every damaged and hostile file through the real upload: a message, nothing half stored, and the next file works."""

from pathlib import Path

import pytest
from django.utils import timezone

from campaigns.models import Campaign
from codes import inventory
from codes.models import Code, CodeRange, Upload
from codes.upload import Reading, start_upload
from tests.codes.files.corpus import CORPUS
from tests.codes.test_upload import LAX, bring, finish, is_right, pool_of
from tests.scenario import SUPREME

pytestmark = pytest.mark.django_db(transaction=True)


def test_every_hostile_file_gets_its_message_and_harms_nothing(tour: Campaign, tmp_path: Path) -> None:
    pool = pool_of(tour, *LAX)
    added: set[str] = set()
    for hostile in CORPUS:
        path = hostile.build(tmp_path)
        if path.stat().st_size == 0:  # Nothing of it is stored: test_an_empty_file_is_refused.
            continue
        with path.open("rb") as file:
            job = start_upload(
                campaign=tour,
                file=file,
                file_name=hostile.file_name,
                size=path.stat().st_size,
                reading=Reading(pool=pool),
                actor=SUPREME,
                now=timezone.now(),
            )
        finish(job)

        said = [job.error, *(line["reason"] for line in job.refused_lines)]
        assert any(hostile.message in text for text in said), (hostile.name, said)
        assert job.status == ("failed" if hostile.codes is None else "finished"), hostile.name
        added |= set(hostile.codes or ())
        assert set(Code.objects.values_list("value", flat=True)) == added, hostile.name

    good = bring(tour, b"LAST-ONE-1\n", pool=pool)

    assert (good.status, good.added) == ("finished", 1)
    assert inventory.counts(CodeRange.objects.all())["available"] == len(added) + 1
    assert Upload.objects.exclude(status__in=["failed", "finished"]).count() == 0
    assert is_right(tour)
