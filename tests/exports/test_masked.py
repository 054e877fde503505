"""An export shows who the fans are only to whoever may see personal data."""

import csv
import io

import pytest
from django.utils import timezone

from campaigns.models import Campaign, Field
from core import storage
from core.masking import masked_email, masked_end, masked_text
from core.refusal import NotAllowed
from entries.models import Entry
from exports.delivery import download_url, schedule_export
from exports.models import Export
from tests import scenario
from viewers.models import Grant, Staff
from viewers.viewer import Viewer, viewer_of_staff

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def analyst(db: None) -> Staff:
    """Ann, who may export and nothing else, once she is given a campaign."""
    return Staff.objects.create_user("ann", is_staff=True)


def export_of(campaign: Campaign, actor: Viewer) -> Export:
    """The finished export of a campaign's entries."""
    export = schedule_export(campaign=campaign, dataset="entries", actor=actor, now=timezone.now())
    scenario.run_jobs()
    export.refresh_from_db()
    return export


def rows_of(export: Export) -> list[dict[str, str]]:
    """The file's rows."""
    return list(csv.DictReader(io.StringIO(storage.get(export.storage_key).decode())))


def ada_of(campaign: Campaign) -> Entry:
    """Ada, with a phone and two answers of which one is personal."""
    Field.objects.create(campaign=campaign, number=9, key="diet", type="text", label="Diet", is_personal=True)
    ada = scenario.register_fan(campaign, "Ada", ["CA-LAX"])
    Entry.objects.filter(pk=ada.pk).update(phone="+12135550123", answers={"seat": "front", "diet": "vegan"})
    ada.refresh_from_db()
    return ada


def grant(staff: Staff, campaign: Campaign, action: str) -> None:
    """Give one right."""
    Grant.objects.create(staff=staff, campaign=campaign, action=action, granted_at=timezone.now(), granted_by=staff)


def test_without_the_right_to_personal_data_the_file_is_masked(tour: Campaign, analyst: Staff) -> None:
    ada = ada_of(tour)
    grant(analyst, tour, "export")

    export = export_of(tour, viewer_of_staff(analyst))

    (row,) = rows_of(export)
    assert export.is_masked
    assert (row["email"], row["name"], row["phone"]) == (
        masked_email(ada.email),
        masked_text(ada.name),
        masked_end(ada.phone),
    )
    assert row["ref"] == ada.ref
    assert "front" in row["answers"]
    assert "vegan" not in row["answers"]


def test_with_the_right_the_file_is_whole_and_only_its_holders_download_it(tour: Campaign, analyst: Staff) -> None:
    ada = ada_of(tour)
    grant(analyst, tour, "export")
    grant(analyst, tour, "see_personal_data")
    export = export_of(tour, viewer_of_staff(analyst))

    (row,) = rows_of(export)
    assert (row["email"], row["phone"]) == (ada.email, ada.phone)
    assert "vegan" in row["answers"]
    assert download_url(export=export, actor=viewer_of_staff(analyst), now=timezone.now())
    Grant.objects.filter(action="see_personal_data").delete()
    with pytest.raises(NotAllowed):
        download_url(export=export, actor=viewer_of_staff(analyst), now=timezone.now())


def test_an_empty_name_and_phone_stay_empty(tour: Campaign, analyst: Staff) -> None:
    ada = ada_of(tour)
    Entry.objects.filter(pk=ada.pk).update(name="", phone="")
    grant(analyst, tour, "export")

    (row,) = rows_of(export_of(tour, viewer_of_staff(analyst)))

    assert (row["name"], row["phone"]) == ("", "")
