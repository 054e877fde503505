"""Pools, holds and single codes at the admin; and what is done about one fan's code."""

from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.urls import reverse
from django.utils import timezone

from campaigns.models import Campaign
from codes import holding, inventory
from codes.models import Assignment, Code, Hold, Pool, Upload
from codes.redemptions import Reported, redeem
from core.models import AuditEvent
from entries.models import Entry
from tests import scenario
from tests.admin.conftest import Desk, Reader, signed_in
from tests.scenario import SUPREME
from viewers.models import Grant, Staff
from waves import selection

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def stocked(tour: Campaign) -> Campaign:
    """The tour with six codes for Los Angeles."""
    scenario.upload_codes(tour, "CA-LAX", 6)
    return tour


@pytest.fixture
def ada(stocked: Campaign) -> Entry:
    """Ada, who wants Los Angeles."""
    return scenario.register_fan(stocked, "Ada", ["CA-LAX"])


def list_of(name: str, campaign: Campaign, **filters: object) -> str:
    """The address of a campaign's rows."""
    more = "".join(f"&{key}={value}" for key, value in filters.items())
    return f"{reverse(f'admin:codes_{name}_changelist')}?campaign={campaign.pk}{more}"


def page(name: str, *keys: object) -> str:
    """The address of a page."""
    return reverse(f"admin:codes_{name}", args=keys)


def send(desk: Desk, address: str, **values: object) -> str:
    """Press a page's button, and read what comes of it."""
    answer = desk.post(address, values, follow=True)
    assert answer.status_code == 200, (address, answer.status_code)
    return answer.content.decode()


def first_code() -> Code:
    """The first code."""
    return Code.objects.order_by("pk")[0]


def in_two_days(campaign: Campaign) -> str:
    """A moment on the campaign's clock, as an input sends it."""
    return (timezone.now() + timedelta(days=2)).astimezone(campaign.zone).strftime("%Y-%m-%dT%H:%M")


def keep_back(campaign: Campaign, count: int) -> Hold:
    """Keep so many codes of Los Angeles back."""
    now = timezone.now()
    return holding.keep_back(
        campaign=campaign,
        code_type="presale",
        purpose="the sponsor",
        parts={Pool.objects.get().pk: count},
        expires_at=now + timedelta(days=2),
        actor=SUPREME,
        now=now,
    )


def give(desk: Desk, entry: Entry, reason: str = "her mother rang") -> str:
    """Give her a code."""
    return send(desk, page("assignment_give_page", entry.pk), pool=Pool.objects.get().pk, reason=reason)


def test_codes_are_kept_back_longer_and_given_back(desk: Desk, stocked: Campaign) -> None:
    pool = Pool.objects.get()
    address = f"{page('hold_add')}?campaign={stocked.pk}"

    kept = send(
        desk,
        address,
        purpose="the sponsor",
        expires_at_0=in_two_days(stocked),
        expires_at_1="",
        **{f"pool_{pool.pk}": 4},
    )
    hold = Hold.objects.get()
    later = (timezone.now() + timedelta(days=9)).strftime("%Y-%m-%dT%H:%M")
    extended = send(desk, page("hold_extend_page", hold.pk), expires_at_0=later, expires_at_1="")
    given_back = send(desk, page("hold_release_page", hold.pk))

    assert "<strong>4</strong> codes" in kept
    assert "Kept back until" in kept
    assert "They are kept back until then" in extended
    assert "The codes are free again" in given_back
    hold.refresh_from_db()
    assert hold.status == "released"


def test_a_pool_with_too_few_codes_is_named_beside_its_number(desk: Desk, stocked: Campaign) -> None:
    pool = Pool.objects.get()
    address = f"{page('hold_add')}?campaign={stocked.pk}"
    when = {"purpose": "x", "expires_at_0": in_two_days(stocked), "expires_at_1": ""}

    too_many = send(desk, address, **when, **{f"pool_{pool.pk}": 7})
    none = send(desk, address, **when)

    assert "6 free codes, not 7" in too_many
    assert "Say how many codes of at least one pool" in none
    assert not Hold.objects.exists()


def test_the_list_of_holds_names_what_each_is_for(read: Reader, stocked: Campaign) -> None:
    keep_back(stocked, 4)

    text = read(list_of("hold", stocked))

    assert "the sponsor" in text
    assert "kept back" in text


def test_planned_places_stand_against_codes(read: Reader, stocked: Campaign) -> None:
    stocked.markets.filter(code="CA-LAX").update(population_limit=10)
    keep_back(stocked, 2)

    text = read(list_of("pool", stocked))

    assert "6 missing" in text
    assert "as many as there are codes" in text


def test_a_pool_says_whose_its_codes_are_and_what_they_look_like(desk: Desk, read: Reader, stocked: Campaign) -> None:
    pool = Pool.objects.get()
    values: dict[str, object] = {
        "is_tied_to_account": "on",
        "presale_start_at_0": "2027-02-01T10:00",
        "presale_start_at_1": "",
    }
    values |= {"presale_end_at_0": "", "presale_end_at_1": "", "min_length": 6, "max_length": 20, "alphabet": ""}

    broken = send(desk, page("pool_change", pool.pk), **values, pattern="[A-")
    saved = send(desk, page("pool_change", pool.pk), **values, pattern="[A-Z0-9-]+")

    assert "This is no regular expression" in broken
    assert "tied to accounts" in saved
    pool.refresh_from_db()
    assert (pool.is_tied_to_account, pool.pattern, pool.min_length) == (True, "[A-Z0-9-]+", 6)
    assert pool.presale_start_at is not None
    assert f"{pool.presale_start_at.astimezone(stocked.zone):%H:%M}" == "10:00"


def test_codes_are_listed_by_state_and_upload(desk: Desk, read: Reader, stocked: Campaign) -> None:
    second = scenario.upload_codes(stocked, "CA-LAX", 2, prefix="MORE")
    keep_back(stocked, 3)
    holding.revoke_code(code_id=Code.objects.order_by("-pk")[0].pk, reason="x", actor=SUPREME, now=timezone.now())

    found = {state: read(list_of("code", stocked, state=state)) for state in inventory.STATES}

    assert "4 codes" in found["available"]
    assert "3 codes" in found["reserved"]
    assert "Nothing matches" in found["assigned"]
    assert "1 code" in found["revoked"]
    assert "2 codes" in read(list_of("code", stocked, upload=second.pk))
    assert "1 code" in read(list_of("code", stocked, upload=second.pk, state="revoked"))


def test_codes_that_fans_have_and_have_not_used_are_listed(desk: Desk, read: Reader, ada: Entry) -> None:
    give(desk, ada)
    ben = scenario.register_fan(ada.campaign, "Ben", ["CA-LAX"])
    give(desk, ben)
    reported = [Reported("CA-LAX-000000"), Reported("CA-LAX-000005")]
    redeem(campaign=ada.campaign, reported=reported, actor=SUPREME, now=timezone.now())

    used, unused = (read(list_of("code", ada.campaign, used=answer)) for answer in ("yes", "no"))

    assert "2 codes" in used
    assert "1 code" in unused
    assert "•••01" in unused
    assert "<strong>2</strong> used" in read(list_of("pool", ada.campaign))


def test_a_code_is_found_by_its_whole_value_and_no_address_has_it(desk: Desk, stocked: Campaign) -> None:
    address = f"{page('code_find_page')}?campaign={stocked.pk}"

    found = desk.post(address, {"value": " CA-LAX-000001 "})
    part = send(desk, address, value="CA-LAX")

    assert isinstance(found, HttpResponse)
    assert "CA-LAX" not in found.headers["Location"]
    assert "•••01" in desk.get(found.headers["Location"]).content.decode()
    assert "The campaign has no such code" in part


def test_one_code_is_revealed_for_a_reason_that_stays(desk: Desk, read: Reader, stocked: Campaign) -> None:
    code = first_code()
    own = page("code_change", code.pk)
    assert code.value not in read(own)

    without = send(desk, page("code_reveal_page", code.pk), reason="curiosity")
    revealed = send(desk, page("code_reveal_page", code.pk), reason="help")

    assert code.value not in without
    assert code.value in revealed
    event = AuditEvent.objects.get(action="code.reveal")
    assert (event.reason, event.target_id) == ("A fan asked for help", str(code.pk))
    assert code.value not in f"{event.changes} {event.reason}"
    assert code.value not in read(own)


def test_a_faulty_code_is_revoked_and_one_that_is_held_replaced(desk: Desk, stocked: Campaign) -> None:
    first, second = Code.objects.order_by("pk")[:2]
    without = send(desk, page("code_revoke_page", first.pk))
    revoked = send(desk, page("code_revoke_page", first.pk), reason="printed twice")
    keep_back(stocked, 2)
    replaced = send(desk, page("code_replace_page", second.pk), reason="printed twice")

    assert "This field is required" in without
    assert "The code is revoked" in revoked
    assert "Another code has taken its place" in replaced
    assert inventory.counts_of(stocked) == {"available": 2, "reserved": 2, "assigned": 0, "revoked": 2}


def test_a_fan_is_given_a_code_gets_another_and_loses_it(desk: Desk, read: Reader, ada: Entry) -> None:
    given = give(desk, ada)
    replaced = send(desk, page("assignment_replace_page", Assignment.objects.get().pk), reason="it did not work")
    code = Assignment.objects.get()
    without_name = send(desk, page("assignment_take_back_page", code.pk), reason="she sold it")
    taken = send(desk, page("assignment_take_back_page", code.pk), reason="she sold it", typed_name=ada.campaign.name)

    assert "•••00" in given
    assert "given by hand" in given
    assert "•••01" in replaced
    assert "1 replaced before" in replaced
    assert "Type the name" in without_name
    assert "taken back" in taken
    values = Code.objects.values_list("value", flat=True)
    assert not any(value in given + replaced + taken for value in values)
    assert inventory.verify([ada.campaign]) == []


def test_a_second_gift_is_refused_in_words(desk: Desk, ada: Entry) -> None:
    give(desk, ada)

    assert "She was given a presale code before" in give(desk, ada)


def test_before_the_trigger_only_who_manages_codes_sees_who_waits_for_one(desk: Desk, ada: Entry, clerk: Staff) -> None:
    wave = scenario.prepare_wave(scenario.make_wave(ada.campaign))
    Grant.objects.create(staff=clerk, campaign=ada.campaign, action="view", granted_at=timezone.now(), granted_by=clerk)
    own = reverse("admin:entries_entry_change", args=[ada.pk])

    manager, viewer = desk.get(own).content.decode(), signed_in(clerk).get(own).content.decode()
    assert "waits for the trigger" in manager
    assert "waits for the trigger" not in viewer
    assert "Give a code by hand" not in viewer

    selection.trigger(wave=wave, actor=SUPREME, now=timezone.now())
    assert "•••00" in signed_in(clerk).get(own).content.decode()


def test_a_file_of_used_codes_is_looked_at_and_read(desk: Desk, read: Reader, ada: Entry) -> None:
    give(desk, ada)
    file = SimpleUploadedFile("used.csv", b"code\nCA-LAX-000000\nCA-LAX-000005\nNONE\n", content_type="text/csv")

    answer = desk.post(f"{page('pool_used_page')}?campaign={ada.campaign_id}", {"file": file})

    assert isinstance(answer, HttpResponse)
    upload = Upload.objects.get(kind="redeemed")
    assert answer.headers["Location"] == page("upload_change", upload.pk)


def test_a_finished_campaigns_codes_can_be_looked_at_alone(desk: Desk, read: Reader, stocked: Campaign) -> None:
    keep_back(stocked, 2)
    Campaign.objects.update(status="finished")

    assert "Give back…" not in read(page("hold_change", Hold.objects.get().pk))
    assert "Revoke…" not in read(page("code_change", Code.objects.order_by("-pk")[0].pk))
    assert "Keep codes back" not in read(list_of("pool", stocked))
