"""Uploading codes at the admin: choose a file, look at it, begin it, see what came of it, take it back."""

import pytest
import requests
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.urls import reverse

from campaigns.models import Campaign
from codes.models import Code, Upload
from core.models import AuditEvent
from tests import scenario
from tests.admin.conftest import Desk, Reader
from tests.codes.files.building import column_of, workbook_of

pytestmark = pytest.mark.django_db(transaction=True)
FILE = b"\xef\xbb\xbfcode\r\nAURORA-01\r\nAURORA-02\r\nAURORA-01\r\n\r\nnot a code!\r\n"
MIXED = b"code,market,event\nAURORA-01,CA-LAX,\nAURORA-02,AZ-PHX,AZ-PHX-1\n"


def choose(desk: Desk, campaign: Campaign, data: bytes, *, name: str = "codes.csv", place: str = "") -> HttpResponse:
    """Send a file with the upload's form."""
    file = SimpleUploadedFile(name, data, content_type="text/csv")
    query = f"?campaign={campaign.pk}&place={place}"
    answer = desk.post(f"{reverse('admin:codes_pool_upload_page')}{query}", {"file": file})
    assert isinstance(answer, HttpResponse)
    return answer


def begin(desk: Desk, upload: Upload, **values: str) -> HttpResponse:
    """Press the button below the first rows."""
    market = upload.campaign.markets.get(code="CA-LAX")
    form = {
        "code_column": "1",
        "has_header": "on",
        "place": f"m{market.pk}",
        "code_type": "presale",
        **values,
    }
    answer = desk.post(reverse("admin:codes_upload_begin_page", args=[upload.pk]), form)
    assert isinstance(answer, HttpResponse)
    return answer


def send(desk: Desk, campaign: Campaign, data: bytes, **values: str) -> Upload:
    """Choose a file and begin it."""
    choose(desk, campaign, data)
    upload = Upload.objects.latest("created_at")
    answer = begin(desk, upload, **values)
    assert answer.status_code == 302, answer.content.decode()
    return upload


def page_of(upload: Upload) -> str:
    """The address of an upload's page."""
    return reverse("admin:codes_upload_change", args=[upload.pk])


def test_a_file_is_looked_at_then_read_and_what_came_of_it_is_told(desk: Desk, read: Reader, tour: Campaign) -> None:
    answer = choose(desk, tour, FILE)
    upload = Upload.objects.get()
    first_rows = read(page_of(upload))
    begun = begin(desk, upload)
    waiting = read(page_of(upload))
    scenario.run_jobs()
    done = read(page_of(upload))

    assert answer.headers["Location"] == begun.headers["Location"] == page_of(upload)
    assert "••••••-01" in first_rows
    assert "AURORA-01" not in first_rows
    assert "It waits for a worker" in waiting
    assert "<strong>2</strong> added" in done
    assert "<strong>3</strong> refused" in done
    for words in ("The same code stands in line 2.", "The line is empty.", "has characters other than"):
        assert words in done


def test_a_file_that_names_its_markets_needs_none_chosen(desk: Desk, read: Reader, tour: Campaign) -> None:
    choose(desk, tour, MIXED)
    upload = Upload.objects.get()
    first_rows = read(page_of(upload))
    begin(desk, upload, place="", market_column="2", event_column="3")
    scenario.run_jobs()
    done = read(page_of(upload))

    for word in ("CA-LAX", "AZ-PHX-1", "Codes whose line names no market"):
        assert word in first_rows
    assert "Los Angeles" in done
    assert "AZ-PHX-1" in done


def test_what_is_wrong_stands_beside_its_field(desk: Desk, tour: Campaign) -> None:
    empty = choose(desk, tour, b"")
    picture = choose(desk, tour, b"\x89PNG\r\n\x1a\n\0\0", name="codes.csv")
    assert not Upload.objects.exists()
    choose(desk, tour, MIXED)
    upload = Upload.objects.get()

    nowhere = begin(desk, upload, place="")
    elsewhere = begin(desk, upload, place="m999999")
    nameless = begin(desk, upload, code_type="")
    twice = begin(desk, upload, market_column="1")

    assert "The file is empty." in empty.content.decode()
    assert "a PNG image" in picture.content.decode()
    for answer, words in (
        (nowhere, "Nothing says where the codes go"),
        (elsewhere, "Select a valid choice"),
        (nameless, "This field is required"),
        (twice, "cannot be both"),
    ):
        assert answer.status_code == 200
        assert words in answer.content.decode()
    upload.refresh_from_db()
    assert upload.status == "waiting"


def test_a_market_that_was_meant_from_the_start_is_chosen_already(desk: Desk, read: Reader, tour: Campaign) -> None:
    lax = tour.markets.get(code="CA-LAX")

    answer = choose(desk, tour, FILE, place=f"m{lax.pk}")

    assert f'<option value="m{lax.pk}" selected>' in read(answer.headers["Location"])


def test_a_market_with_one_pool_a_date_asks_for_the_date(desk: Desk, read: Reader, tour: Campaign) -> None:
    choose(desk, tour, FILE)

    for text in (
        read(page_of(Upload.objects.get())),
        read(f"{reverse('admin:codes_upload_generate_page')}?campaign={tour.pk}"),
    ):
        lax, phoenix = tour.markets.get(code="CA-LAX"), tour.markets.get(code="AZ-PHX")
        assert f'value="m{lax.pk}"' in text
        assert f'value="m{phoenix.pk}"' not in text
        assert all(f'value="e{event.pk}"' in text for event in phoenix.events.all())


def test_another_sheet_can_be_looked_at(desk: Desk, read: Reader, tour: Campaign) -> None:
    sheets = {"Notes": column_of(["Remember", "to call"]), "Codes": column_of(["code", "AURORA-07", "AURORA-08"])}
    choose(desk, tour, workbook_of(sheets), name="codes.xlsx")
    upload = Upload.objects.get()

    desk.post(reverse("admin:codes_upload_sheet_page", args=[upload.pk]), {"sheet": "Codes"})
    begin(desk, upload)
    scenario.run_jobs()

    assert set(Code.objects.values_list("value", flat=True)) == {"AURORA-07", "AURORA-08"}


def test_all_or_nothing_says_clearly_that_nothing_was_added(desk: Desk, read: Reader, tour: Campaign) -> None:
    upload = send(desk, tour, FILE, is_all_or_nothing="on")
    scenario.run_jobs()

    text = read(page_of(upload))

    assert "Nothing was added." in text
    assert "3 of its 5 lines were refused" in text
    assert not Code.objects.exists()


def test_the_file_of_all_refused_lines_comes_by_a_signed_address(desk: Desk, tour: Campaign) -> None:
    upload = send(desk, tour, FILE)
    scenario.run_jobs()

    answer = desk.get(reverse("admin:codes_upload_refused_page", args=[upload.pk]))
    lines = requests.get(answer.headers["Location"], timeout=10).text.splitlines()

    assert lines[0] == "line,reason"
    assert len(lines) == 4
    assert requests.get(answer.headers["Location"].partition("?")[0], timeout=10).status_code == 403


def test_the_live_part_asks_again_until_it_is_over(desk: Desk, tour: Campaign) -> None:
    upload = send(desk, tour, FILE)
    address = reverse("admin:codes_upload_live_page", args=[upload.pk])

    before = desk.get(address)
    scenario.run_jobs()
    after = desk.get(address)

    assert "hx-trigger" in before.content.decode()
    assert "HX-Refresh" not in before.headers
    assert "hx-trigger" not in after.content.decode()
    assert after.headers["HX-Refresh"] == "true"


def test_progress_tells_lines_rate_and_time_left(desk: Desk, tour: Campaign) -> None:
    from datetime import timedelta

    from django.utils import timezone

    upload, now = send(desk, tour, FILE), timezone.now()
    Upload.objects.filter(pk=upload.pk).update(
        status="running",
        phase="reading",
        progress_done=800_000,
        progress_total=2_000_000,
        phase_started_at=now - timedelta(seconds=4),
        heartbeat_at=now,
        lease_until=now + timedelta(seconds=60),
    )

    text = desk.get(reverse("admin:codes_upload_live_page", args=[upload.pk])).content.decode()

    assert "800,000 of about 2,000,000 lines" in text
    assert "200,000 a second" in text
    assert "6 s left" in text
    assert reverse("admin:codes_upload_cancel_page", args=[upload.pk]) in text


def test_an_upload_is_cancelled_from_its_page(desk: Desk, read: Reader, tour: Campaign) -> None:
    upload = send(desk, tour, FILE)
    address = reverse("admin:codes_upload_cancel_page", args=[upload.pk])

    asked = read(address)
    desk.post(address)
    scenario.run_jobs()
    again = desk.post(address)

    assert "None of its codes is stored" in asked
    assert "It was cancelled." in read(page_of(upload))
    assert "It has ended already" in again.content.decode()
    assert not Code.objects.exists()


def test_an_upload_is_undone_once_the_campaigns_name_is_typed(desk: Desk, read: Reader, tour: Campaign) -> None:
    upload = send(desk, tour, FILE)
    scenario.run_jobs()
    address = reverse("admin:codes_upload_undo_page", args=[upload.pk])

    asked = read(address)
    wrong = desk.post(address, {"typed_name": "another"})
    desk.post(address, {"typed_name": tour.name, "reason": "the wrong file"})
    again = desk.post(address, {"typed_name": tour.name})

    assert "2 codes leave their pools: Los Angeles – Los Angeles Stadium" in asked
    assert "This is not the name" in wrong.content.decode()
    assert "was undone already, by sue" in again.content.decode()
    assert "Undone by sue" in read(page_of(upload))
    assert not Code.objects.exists()


def test_codes_are_made_from_a_form(desk: Desk, read: Reader, tour: Campaign) -> None:
    lax = tour.markets.get(code="CA-LAX")
    address = f"{reverse('admin:codes_upload_generate_page')}?campaign={tour.pk}"
    form = {"place": f"m{lax.pk}", "code_type": "presale", "count": "25", "length": "8", "alphabet": "letters"}

    short = desk.post(address, {**form, "count": "2000000", "length": "6"})
    made = desk.post(address, {**form, "prefix": "au-"})
    scenario.run_jobs()

    assert "So short a code could be guessed" in short.content.decode()
    assert "<strong>25</strong> added" in read(made.headers["Location"])
    assert all(value.startswith("AU-") for value in Code.objects.values_list("value", flat=True))


def test_pages_of_a_finished_campaign_change_nothing(desk: Desk, read: Reader, tour: Campaign) -> None:
    choose(desk, tour, FILE)
    upload = Upload.objects.get()
    Campaign.objects.filter(pk=tour.pk).update(status="finished")

    text = begin(desk, upload).content.decode()
    refused = choose(desk, tour, FILE).content.decode()

    assert "The campaign is finished" in text
    assert "The campaign is finished" in refused
    assert Upload.objects.get().status == "waiting"


def test_an_upload_is_written_in_the_history_without_a_code(desk: Desk, tour: Campaign) -> None:
    send(desk, tour, FILE)
    scenario.run_jobs()

    events = list(AuditEvent.objects.order_by("pk").values("action", "actor_label", "changes"))
    assert [event["actor_label"] for event in events if event["action"] == "codes.begin"] == ["sue"]
    assert "AURORA-0" not in str(events)
