"""Public answers name what they say by an ETag; a client that has it is answered without a body."""

import pytest
from pytest_django import DjangoAssertNumQueries, Settings

from campaigns.models import Campaign, Content
from campaigns.published import published
from core.etags import etag_of
from tests.api.calling import Api

pytestmark = pytest.mark.django_db
AURORA = "campaigns/aurora/"


def test_what_a_client_has_is_not_sent_again(api: Api, tour: Campaign) -> None:
    first = api.get(AURORA)
    again = api.get(AURORA, if_none_match=first.headers["ETag"])

    assert (again.status, again.body) == (304, "")
    for name in ("ETag", "Cache-Control", "Content-Language"):
        assert again.headers[name] == first.headers[name]
    assert again.headers["Vary"].lower() == first.headers["Vary"].lower()
    assert "Content-Type" not in again.headers


def test_the_tag_is_that_of_the_bytes(api: Api, tour: Campaign) -> None:
    response = api.client.get(f"/api/v1/{AURORA}")

    assert response.headers["ETag"] == etag_of(response.content)
    assert response.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("{tag}", 304),
        ("W/{tag}", 304),
        ('"other", W/"another", {tag}', 304),
        ("*", 304),
        ('"other"', 200),
        ("", 200),
        ("no tag", 200),
        ('"', 200),
        ('"' + "x" * 9000, 200),
    ],
)
def test_only_what_the_client_has_is_left_out(api: Api, tour: Campaign, header: str, status: int) -> None:
    tag = api.get(AURORA).headers["ETag"]

    assert api.get(AURORA, if_none_match=header.format(tag=tag)).status == status


def test_a_condition_that_we_do_not_know_changes_nothing(api: Api, tour: Campaign) -> None:
    headers = {"if_match": '"other"', "if_modified_since": "Wed, 21 Oct 2099 07:28:00 GMT", "range": "bytes=0-1"}

    assert api.get(AURORA, **headers).status == 200


def test_each_locale_has_a_tag_of_its_own(api: Api, tour: Campaign) -> None:
    tags = {api.get(f"{AURORA}?locale={code}").headers["ETag"] for code in ("en_US", "de_DE", "ar_EG")}

    assert len(tags) == 3


def test_a_change_is_seen_at_the_next_look(api: Api, tour: Campaign) -> None:
    before = api.get(AURORA)
    Content.objects.filter(locale_id="en_US").update(title="Aurora Vale, again")

    after = api.get(AURORA, if_none_match=before.headers["ETag"])

    assert (after.status, after.body["texts"]["title"]) == (200, "Aurora Vale, again")
    assert after.headers["ETag"] != before.headers["ETag"]


def test_the_close_is_seen_at_once(api: Api, tour: Campaign, settings: Settings) -> None:
    settings.PUBLISHED_SECONDS = 60
    before = api.get(AURORA)
    kept = published("aurora")
    kept.campaign.close_at = kept.campaign.open_at
    after = api.get(AURORA, if_none_match=before.headers["ETag"])

    assert (after.status, after.body["accepts_entries"]) == (200, False)


def test_what_is_asked_again_costs_no_query_and_no_new_body(
    api: Api, tour: Campaign, settings: Settings, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    settings.PUBLISHED_SECONDS = 60
    tag = api.get(AURORA).headers["ETag"]

    with django_assert_num_queries(0):
        assert api.get(AURORA).status == 200
        assert api.get(AURORA, if_none_match=tag).status == 304


def test_staff_get_the_set_up_and_nobody_keeps_it(staff: Api, api: Api, tour: Campaign) -> None:
    tag = api.get(AURORA).headers["ETag"]
    answer = staff.get(AURORA, if_none_match=tag)

    assert answer.status == 200
    assert "readiness" in answer.body
    assert "ETag" not in answer.headers
    assert answer.headers["Cache-Control"] == "no-store"


def test_the_document_has_a_tag_too(api: Api) -> None:
    for path in ("/api/schema/", "/api/schema/?format=json"):
        first = api.get(path)
        assert api.get(path, if_none_match=first.headers["ETag"]).status == 304
