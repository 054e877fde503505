"""Exports at the admin: asked for, watched, and fetched by a signed address."""

import pytest
import requests
from django.urls import reverse

from core.models import AuditEvent
from entries.models import Entry
from exports.models import Export
from tests import scenario
from tests.admin.conftest import Desk, Reader, Tour

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_selection_of_a_wave_is_exported_and_downloaded(desk: Desk, read: Reader, whole_tour: Tour) -> None:
    campaign, wave = whole_tour.campaign, whole_tour.sent
    address = f"{reverse('admin:exports_export_schedule_page')}?campaign={campaign.pk}"
    Export.objects.all().delete()

    answer = desk.post(address, {"dataset": "selection", "wave": wave.pk})
    export = Export.objects.get()
    page = reverse("admin:exports_export_change", args=[export.pk])
    waiting = read(page)
    scenario.run_jobs()
    done = read(page)
    link = desk.get(reverse("admin:exports_export_download_page", args=[export.pk])).headers["Location"]
    lines = requests.get(link, timeout=10).text.splitlines()

    assert answer.headers["Location"] == page
    assert "It waits for a worker" in waiting
    assert "Download" in done
    assert len(lines) == 1 + (wave.draw.placed or 0)
    assert lines[0].startswith("ref,email,name,market")
    assert AuditEvent.objects.filter(action="export.download", actor_label="sue").count() == 1


def test_what_cannot_be_exported_is_told_in_the_form(desk: Desk, whole_tour: Tour) -> None:
    address = f"{reverse('admin:exports_export_schedule_page')}?campaign={whole_tour.campaign.pk}"

    without = desk.post(address, {"dataset": "selection"})
    untriggered = desk.post(address, {"dataset": "selection", "wave": whole_tour.prepared.pk})

    assert "Say which of the campaign&#x27;s waves." in without.content.decode()
    assert "Select a valid choice" in untriggered.content.decode()


def test_a_file_that_is_not_there_yet_is_told_kindly(desk: Desk, whole_tour: Tour) -> None:
    Export.objects.update(status="failed", error="The storage was away.")
    page = reverse("admin:exports_export_download_page", args=[whole_tour.export.pk])

    answer = desk.get(page, follow=True)
    home = desk.get(reverse("admin:index")).content.decode()

    assert "The export has not finished." in answer.content.decode()
    assert "The storage was away." in answer.content.decode()
    assert "Export failed" in home


def test_no_list_of_exports_shows_a_fan(read: Reader, whole_tour: Tour) -> None:
    text = read(f"{reverse('admin:exports_export_changelist')}?campaign={whole_tour.campaign.pk}")

    assert "download" in text
    assert not any(email in text for email in Entry.objects.values_list("email", flat=True))
