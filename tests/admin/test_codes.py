"""Uploading codes and looking at them, at the admin."""

import re

import pytest
import requests
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.urls import reverse

from campaigns.models import Campaign
from codes.models import Code, Upload
from core.models import AuditEvent
from tests import scenario
from tests.admin.conftest import Desk, Reader, Tour

pytestmark = pytest.mark.django_db(transaction=True)
FILE = b"\xef\xbb\xbfcode\r\nAURORA-01\r\nAURORA-02\r\nAURORA-01\r\n\r\nnot a code!\r\n"


def send(desk: Desk, campaign: Campaign, data: bytes, **values: str) -> HttpResponse:
    """Send a file with the upload's form."""
    market = campaign.markets.get(code="CA-LAX")
    form = {"place": f"m{market.pk}", "code_type": "presale", **values}
    file = SimpleUploadedFile("codes.csv", data, content_type="text/csv")
    answer = desk.post(f"{reverse('admin:codes_pool_upload_page')}?campaign={campaign.pk}", {**form, "file": file})
    assert isinstance(answer, HttpResponse)
    return answer


def test_a_file_is_read_and_what_came_of_it_is_told_line_by_line(desk: Desk, read: Reader, tour: Campaign) -> None:
    answer = send(desk, tour, FILE)
    upload = Upload.objects.get()
    page = reverse("admin:codes_upload_change", args=[upload.pk])
    waiting = read(page)
    scenario.run_jobs()
    done = read(page)

    assert answer.headers["Location"] == page
    assert "It waits for a worker" in waiting
    assert "<strong>2</strong> added" in done
    assert "<strong>3</strong> refused" in done
    for words in ("The same code stands in line 2.", "The line is empty.", "has characters other than"):
        assert words in done


def test_the_file_of_all_refused_lines_comes_by_a_signed_address(desk: Desk, tour: Campaign) -> None:
    send(desk, tour, FILE)
    scenario.run_jobs()
    upload = Upload.objects.get()

    answer = desk.get(reverse("admin:codes_upload_refused_page", args=[upload.pk]))
    lines = requests.get(answer.headers["Location"], timeout=10).text.splitlines()

    assert lines[0] == "line,reason"
    assert len(lines) == 4
    assert requests.get(answer.headers["Location"].partition("?")[0], timeout=10).status_code == 403


def test_the_live_part_asks_again_until_it_is_over(desk: Desk, tour: Campaign) -> None:
    send(desk, tour, FILE)
    address = reverse("admin:codes_upload_live_page", args=[Upload.objects.get().pk])

    before = desk.get(address)
    scenario.run_jobs()
    after = desk.get(address)

    assert "hx-trigger" in before.content.decode()
    assert "HX-Refresh" not in before.headers
    assert "hx-trigger" not in after.content.decode()
    assert after.headers["HX-Refresh"] == "true"


def test_refusals_stand_in_the_form(desk: Desk, tour: Campaign) -> None:
    empty = send(desk, tour, b"")
    elsewhere = send(desk, tour, FILE, place="m999999")
    nameless = send(desk, tour, FILE, code_type="")

    assert "The file is empty." in empty.content.decode()
    assert "Select a valid choice" in elsewhere.content.decode()
    assert {empty.status_code, elsewhere.status_code, nameless.status_code} == {200}
    assert not Upload.objects.exists()


def test_a_market_with_one_pool_a_date_asks_for_the_date(read: Reader, tour: Campaign) -> None:
    text = read(f"{reverse('admin:codes_pool_upload_page')}?campaign={tour.pk}")

    lax = tour.markets.get(code="CA-LAX")
    phoenix = tour.markets.get(code="AZ-PHX")
    assert f'value="m{lax.pk}"' in text
    assert f'value="m{phoenix.pk}"' not in text
    assert all(f'value="e{event.pk}"' in text for event in phoenix.events.all())


def test_pools_are_shown_with_their_counts_and_what_is_missing(read: Reader, tour: Campaign) -> None:
    scenario.upload_codes(tour, "CA-LAX", 7)

    text = read(f"{reverse('admin:codes_pool_changelist')}?campaign={tour.pk}")

    assert "<strong>7</strong> available" in text
    assert "No codes yet for" in text
    assert "AZ-PHX" in text


def test_no_code_is_shown_whole(read: Reader, whole_tour: Tour) -> None:
    campaign = whole_tour.campaign
    values = list(Code.objects.filter(campaign=campaign).values_list("value", flat=True))
    entry = campaign.entries.filter(pk__in=_entries_with_codes(whole_tour))[0]

    pages = [
        read(f"{reverse('admin:codes_code_changelist')}?campaign={campaign.pk}"),
        read(f"{reverse('admin:codes_code_changelist')}?campaign={campaign.pk}&pool={campaign.pools.all()[0].pk}"),
        read(reverse("admin:entries_entry_change", args=[entry.pk])),
        read(reverse("admin:waves_wave_change", args=[whole_tour.sent.pk])),
        read(reverse("admin:core_auditevent_changelist")),
    ]

    assert len(values) > 20
    assert [value for value in values if any(value in page for page in pages)] == []
    assert all("•••" in page for page in pages[:3])


def _entries_with_codes(tour: Tour) -> list[int]:
    from codes.models import Assignment

    return list(Assignment.objects.values_list("entry_id", flat=True))


def test_the_list_tells_each_codes_state_and_leads_to_its_entry(read: Reader, whole_tour: Tour) -> None:
    text = read(f"{reverse('admin:codes_code_changelist')}?campaign={whole_tour.campaign.pk}")

    states = set(re.findall(r'mq-badge mq-\w+">(available|reserved|assigned)<', text))
    assert {"assigned", "reserved"} <= states
    assert reverse("admin:entries_entry_change", args=[_entries_with_codes(whole_tour)[0]]) in text


def test_a_code_is_found_by_its_whole_value_only(read: Reader, tour: Campaign) -> None:
    scenario.upload_codes(tour, "CA-LAX", 3)
    address = f"{reverse('admin:codes_code_changelist')}?campaign={tour.pk}"

    whole = read(f"{address}&q=CA-LAX-000001")
    part = read(f"{address}&q=CA-LAX")

    assert "1 code" in whole
    assert "Nothing matches" in part


def test_an_upload_is_written_in_the_history_without_a_code(desk: Desk, tour: Campaign) -> None:
    send(desk, tour, FILE)

    event = AuditEvent.objects.get(action="codes.upload")
    assert event.actor_label == "sue"
    assert "AURORA-0" not in str(event.changes)
