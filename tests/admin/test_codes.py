"""Looking at codes, at the admin."""

import re

import pytest
from django.urls import reverse

from campaigns.models import Campaign
from codes.models import Code
from tests import scenario
from tests.admin.conftest import Reader, Tour

pytestmark = pytest.mark.django_db(transaction=True)


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
