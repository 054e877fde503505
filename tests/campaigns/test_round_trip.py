"""Campaigns and all that belongs to them as files: out, and back into nothing, unchanged."""

import io
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import models
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns import lifecycle
from campaigns.models import Artist, Campaign, Content, Event, Faq, Field, Gate, Locale, Market, Promoter, Tracker
from campaigns.transfer import campaign_rows, campaigns
from campaigns.transfer.files import MOST_IN_XLSX_CELL, CannotWrite, Table, read_table
from campaigns.transfer.importing import FORMATS, CannotImport, Plan, export_rows, import_rows, plan_import
from campaigns.transfer.kinds import RESOURCES
from campaigns.transfer.resources import Scope
from core.models import AuditEvent
from core.refusal import NotAllowed
from tests import scenario
from viewers.models import Action, Grant, Staff
from viewers.permissions import may
from viewers.viewer import Viewer, viewer_of_staff

pytestmark = pytest.mark.django_db
OWN: tuple[type[models.Model], ...] = (Market, Event, Field, Gate, Content, Faq)
"""The kinds of which each campaign has its own rows; a date comes after its market."""
ODD = '=HYPERLINK("http://x.example";\'a\')\n\n"„größer“, 東京 \u202eשלום\u202c مرحبا 🎟'
LEFT_OUT: Mapping[type[models.Model], Mapping[str, str]] = {**campaign_rows.LEFT_OUT, Campaign: campaigns.LEFT_OUT}


def table_of(data: bytes) -> Table:
    """What a file holds."""
    return read_table(io.BytesIO(data), size=len(data))


def without_ids(table: Table) -> Table:
    """The same rows, to be added."""
    cells = [
        (line, ["" if name == "id" else cell for name, cell in zip(table.columns, row, strict=True)])
        for line, row in table.rows
    ]
    return Table(table.columns, cells)


def run(model: type[models.Model], table: Table | str, actor: Viewer, campaign: Campaign | None = None) -> Plan:
    """Import as an operator does: look, then do."""
    found = table_of(table.encode()) if isinstance(table, str) else table
    plan = plan_import(model, found, Scope(campaign, actor))
    now = timezone.now()
    return import_rows(model=model, table=found, seen=plan.fingerprint, actor=actor, now=now, campaign=campaign)


def refusals(model: type[models.Model], text: str, actor: Viewer, campaign: Campaign | None) -> list[tuple[Any, ...]]:
    """What a file's refused lines are told."""
    plan = plan_import(model, table_of(text.encode()), Scope(campaign, actor))
    return [(line.line, *error) for line in plan.of("refused") for error in line.errors]


def values(model: type[models.Model], campaign: Campaign) -> list[dict[str, Any]]:
    """Every stored value of a campaign's rows but keys; other rows of the campaign stand by their names."""
    rows = []
    for row in model._default_manager.filter(campaign=campaign):
        found: dict[str, Any] = {}
        for column in row._meta.concrete_fields:
            if column.name in ("id", "campaign"):
                continue
            value = getattr(row, column.attname)
            if column.name in ("market", "shown_if") and value is not None:
                other = getattr(row, column.name)
                value = getattr(other, "code", None) or other.key
            # A translated word that is not there is nothing or empty, and reads the same.
            found[column.name] = "" if value is None and isinstance(column, models.CharField) else value
        rows.append(found)
    return sorted(rows, key=repr)


@pytest.fixture
def rich(db: None) -> Campaign:
    """A tour with rows of every kind, and all that can go wrong in a spreadsheet."""
    campaign = scenario.make_tour()
    other = scenario.make_tour(domain="other")
    for event in Event.objects.filter(campaign=campaign, number=2):
        presale = datetime(2027, 11, 7, 9, 30, tzinfo=UTC)  # An hour that the clock of Los Angeles has twice.
        Event.objects.filter(pk=event.pk).update(name=ODD[:190], presale_at=presale, link="https://x.example/?a=1&b=2")
    Market.objects.filter(campaign=campaign, code="AZ-PHX").update(population_limit=5, is_active=False, number=7)
    seat = campaign.fields.get(key="seat")
    options = [
        {"value": "=1+1", "labels": {"en": 'a "b" | c', "ar": "مرحبا"}},
        {"value": "no label"},
        {"value": "00", "labels": {}},
    ]
    choice = Field(
        campaign=campaign,
        number=5,
        key="choice",
        type="multiple",
        label_en="-1+1",
        label_ar="اختر",
        help_text_de="Hilfe; „x“",
        options=options,
        minimum="1",
        maximum="2",
        is_personal=True,
    )
    choice.save()
    box = Field.objects.create(campaign=campaign, number=4, key="zz_box", type="checkbox", label="@box", is_active=True)
    Field.objects.filter(pk=seat.pk).update(shown_if=box, shown_if_value="yes", is_required=True)
    Field.objects.create(campaign=campaign, number=9, key="gone", type="date", label="Old", is_active=False)
    Gate.objects.create(campaign=campaign, number=2, kind="card_type", provider="sandbox", wanted="+visa")
    Gate.objects.create(
        campaign=campaign, number=1, kind="campaign_entry", provider="sandbox", other_campaign=other, is_active=False
    )
    Gate.objects.filter(campaign=campaign, number=2).update(message_en="'=x", message_ar="ممنوع")
    arabic = Content(campaign=campaign, locale_id="ar_EG", errors={"closed": "=Zu", "bad_link": "-1"})
    for text in Content.TEXTS:
        setattr(arabic, text, f"={text}\n\n„مرحبا“" if text in Content.RICH else f"+{text}, مرحبا")
    arabic.clean()
    arabic.save()
    for number, page in ((1, "landing"), (2, "landing"), (1, "confirmation")):
        Faq.objects.create(
            campaign=campaign, locale_id="ar_EG", page=page, number=number, question=f"={number}?", answer=ODD
        )
    return campaign


@pytest.mark.parametrize("model", [*OWN, Campaign])
def test_every_column_is_carried_or_left_out_with_a_reason(model: type[models.Model], rich: Campaign) -> None:
    carried = {column.attribute for column in RESOURCES[model](Scope(rich)).fields.values() if not column.readonly}
    carried |= {column.words for column in RESOURCES[model](Scope(rich)).fields.values() if hasattr(column, "words")}
    carried |= {"id"} if "id" in RESOURCES[model](Scope(rich)).fields else set()
    columns = {column.name for column in (*model._meta.concrete_fields, *model._meta.many_to_many)}

    assert carried & set(LEFT_OUT[model]) == set()
    assert columns - carried == set(LEFT_OUT[model]), "Carry the column, or say in LEFT_OUT why not."


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("model", OWN)
def test_a_campaigns_file_changes_nothing(
    model: type[models.Model], form: str, rich: Campaign, operator: Viewer
) -> None:
    before = values(model, rich)

    plan = run(model, table_of(export_rows(model, form, Scope(rich, operator))[0]), operator, rich)

    assert plan.counts == {"add": 0, "change": 0, "same": len(before), "refused": 0}
    assert values(model, rich) == before
    assert AuditEvent.objects.count() == 0


@pytest.mark.parametrize("form", FORMATS)
def test_what_was_deleted_comes_back_from_its_files_unchanged(form: str, rich: Campaign, operator: Viewer) -> None:
    before = {model: values(model, rich) for model in OWN}
    files = {model: table_of(export_rows(model, form, Scope(rich, operator))[0]) for model in OWN}
    rich.fields.update(shown_if=None, shown_if_value="")
    for model in reversed(OWN):
        model._default_manager.filter(campaign=rich).delete()

    for model in OWN:
        run(model, without_ids(files[model]), operator, rich)

    assert {model: values(model, rich) for model in OWN} == before
    added = [AuditEvent.objects.filter(action=f"{model._meta.model_name}.add", campaign_id=rich.pk) for model in OWN]
    assert [events.count() for events in added] == [len(before[model]) for model in OWN]


def test_a_file_of_one_campaign_can_be_brought_into_another(rich: Campaign, operator: Viewer) -> None:
    fresh = scenario.make_tour(domain="fresh")
    for model in reversed(OWN):
        model._default_manager.filter(campaign=fresh).delete()

    for model in OWN:
        run(model, without_ids(table_of(export_rows(model, "csv", Scope(rich, operator))[0])), operator, fresh)

    assert {model: values(model, fresh) for model in OWN} == {model: values(model, rich) for model in OWN}


def values_of_campaign(campaign: Campaign) -> dict[str, Any]:
    """What a file carries of a campaign, from its row."""
    found = Campaign.objects.get(pk=campaign.pk)
    names = [column.attname for column in found._meta.concrete_fields if column.name not in {"id", *campaigns.LEFT_OUT}]
    many = {name: sorted(getattr(found, name).values_list("pk", flat=True)) for name in ("locales", "trackers")}
    return {**{name: getattr(found, name) for name in names}, **many}


@pytest.mark.parametrize("form", FORMATS)
def test_a_campaign_with_its_options_comes_back_unchanged(form: str, db: None, operator: Viewer) -> None:
    tour = scenario.make_tour()
    tour.trackers.set([Tracker.objects.create(name="Tag", kind="meta", identifier=str(number)) for number in (7, 8)])
    Campaign.objects.filter(pk=tour.pk).update(
        name=ODD[:190],
        category_id="=1",
        queue_id="-q",
        minimum_age=16,
        waiting_room_minutes=30,
        is_lnaa=True,
        accent_color="#5b3fd6",
        allowed_origins="https://fans.example\nhttp://localhost:5173",
        requires_phone_confirmation=True,
        allows_international_phones=False,
        show_access_code=False,
        needs_second_person=True,
        publishes_bundle=False,
        identifier_type="memberId",
        finish_at=timezone.now() + timedelta(days=90),
        general_onsale_at=datetime(2027, 11, 7, 8, 30, 0, 250, tzinfo=UTC),
        password_hash="secret",
    )
    before = values_of_campaign(tour)
    data = export_rows(Campaign, form, Scope(None, operator))[0]
    table = table_of(data)
    same = run(Campaign, table, operator)
    Event.objects.all().delete()
    tour.delete()

    plan = run(Campaign, without_ids(table), operator)

    made = Campaign.objects.get(domain="aurora")
    assert (same.counts["same"], plan.counts["add"]) == (1, 1)
    assert values_of_campaign(made) == before
    assert (made.status, made.is_released, made.password_hash) == ("not_started", False, "")
    assert AuditEvent.objects.get(action="campaign.add").campaign_id == made.pk
    assert b"secret" not in data


TEXTS = st.text(
    st.one_of(
        st.sampled_from("=+-@'\"\n,;|{}<>&\t%\u202e\u200fא"), st.characters(exclude_categories=("Cs", "Cc", "Cn"))
    ),
    max_size=40,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(subject=TEXTS, body=TEXTS, page=TEXTS, question=TEXTS, answer=TEXTS)
def test_any_text_of_a_campaign_comes_back_unchanged(
    subject: str, body: str, page: str, question: str, answer: str, rich: Campaign, operator: Viewer
) -> None:
    texts = {"receipt_subject": subject.strip(), "receipt_body": body.strip(), "closed": page.strip()}
    Content.objects.filter(campaign=rich, locale_id="ar_EG").update(**texts)
    Faq.objects.filter(campaign=rich, number=1).update(question=question.strip() or "?", answer=answer.strip() or "!")

    for model in (Content, Faq):
        for form in FORMATS:
            table = table_of(export_rows(model, form, Scope(rich, operator))[0])
            assert plan_import(model, table, Scope(rich, operator)).counts["same"] == len(table.rows)


def test_a_text_that_no_spreadsheet_holds_is_not_cut_off(rich: Campaign, operator: Viewer) -> None:
    Content.objects.filter(campaign=rich, locale_id="en_US").update(open="x" * (MOST_IN_XLSX_CELL + 1))

    with pytest.raises(CannotWrite):
        export_rows(Content, "xlsx", Scope(rich, operator))

    assert run(Content, table_of(export_rows(Content, "csv", Scope(rich, operator))[0]), operator, rich).counts["same"]


def test_two_rows_can_change_places_in_one_file(rich: Campaign, operator: Viewer) -> None:
    first, second = rich.faqs.filter(page="landing").order_by("number")
    clash = refusals(Faq, f"id,number\n{first.pk},2\n", operator, rich)

    run(Faq, f"id,number\n{first.pk},2\n{second.pk},1\n", operator, rich)

    assert list(rich.faqs.filter(page="landing").order_by("number")) == [second, first]
    assert clash == [(2, "number", "Another row has this place in the order.")]


def test_a_row_without_a_place_comes_last(rich: Campaign, operator: Viewer) -> None:
    run(Field, "key,type,label_en,number\na,text,A,\nb,text,B,\n", operator, rich)
    run(Faq, "locale,page,question,answer\nar_EG,landing,New?,Yes\n", operator, rich)
    run(Market, f"code,venue\nNEW,{rich.markets.all()[0].venue_id}\n", operator, rich)

    assert list(rich.fields.order_by("-number").values_list("key", "number")[:2]) == [("b", 11), ("a", 10)]
    assert rich.faqs.get(question="New?").number == 3
    assert rich.markets.get(code="NEW").number == 8


@pytest.mark.parametrize(
    ("model", "text", "column", "words"),
    [
        (Market, "code,venue\nA B,1\n", "code", "Use 1 to 40 letters"),
        (Market, "code,venue\nNEW,999999\n", "venue", "There is no venue with the id 999999."),
        (Market, "code,number\nCA-LAX,9\n", "number", "It stays 1."),
        (Market, "code,split\nCA-LAX,half\n", "split", "Write one of: concurrent, sequential."),
        (Market, "code,population_limit\nCA-LAX,-1\n", "population_limit", "Write a whole number"),
        (Event, "code,market,starts_at\nNEW,NOWHERE,2027-01-01T00:00Z\n", "market", "There is no market NOWHERE."),
        (Event, "code,starts_at\nCA-LAX-1,2027-06-01T19:30\n", "starts_at", "Say the zone"),
        (Event, "code,starts_at\nCA-LAX-1,tomorrow\n", "starts_at", "Write a time as in"),
        (Event, "code,starts_at\nCA-LAX-1,0001-01-01T00:00+14:00\n", "starts_at", "Write a time as in"),
        (Event, "code,market\nCA-LAX-1,AZ-PHX\n", "market", "It stays CA-LAX."),
        (Field, "key,type,label_en\nnew,essay,New\n", "type", "Write one of: text"),
        (Field, "key,label_en\nnew,\n", "label_en", "cannot be blank"),
        (Field, "key,options\nchoice,[1\n", "options", "Write a list"),
        (Field, "key,options\nchoice,[1]\n", "options", "Each option is a value"),
        (Field, "key,shown_if,shown_if_value\ngone,nowhere,yes\n", "shown_if", "There is no question nowhere."),
        (Field, "key,shown_if,shown_if_value\nzz_box,zz_box,yes\n", "shown_if", "This makes a circle"),
        (Gate, "kind,provider,other_campaign\ncampaign_entry,sandbox,nowhere\n", "other_campaign", "no campaign"),
        (Gate, "kind,provider\ncard_type,nobody\n", "provider", "No provider has this name"),
        (Content, "locale,title\nxx_XX,New\n", "locale", "There is no locale xx_XX."),
        (Content, "locale,open\nen_US,{code}\n", "open", "has no value in this text"),
        (Content, "locale,refusal_closed\nen_US,{name}\n", "", "{name}"),
        (Faq, "id,locale\n0,en_US\n", "id", "There is no frequent question with the id 0"),
        (Faq, "locale,page,question,answer\nen_US,landing,Q,<script>x</script>\n", "answer", "Write an answer."),
        (Campaign, "domain,name\naurora,Other\n", "domain", "Another campaign has this domain."),
        (Campaign, "domain,locales\nnew,en_US xx_XX\n", "locales", "There is no locale xx_XX."),
        (Campaign, "domain,trackers\nnew,7\n", "trackers", "There is no tracker with the id 7."),
        (
            Campaign,
            "domain,reference_timezone,open_at\nnew,Mars/Base,2027-01-01T00:00Z\n",
            "reference_timezone",
            "time",
        ),
    ],
)
def test_a_wrong_row_is_told_with_its_column(
    model: type[models.Model], text: str, column: str, words: str, rich: Campaign, operator: Viewer
) -> None:
    campaign = None if model is Campaign else rich

    told = refusals(model, text, operator, campaign)

    assert any(line == 2 and name == column and words in said for line, name, said in told), told


def test_what_the_opening_has_fixed_is_fixed_for_files_too(rich: Campaign, operator: Viewer) -> None:
    rich.gates.all().delete()
    lifecycle.open_campaign(campaign=rich, actor=scenario.SUPREME, now=timezone.now())

    (told,) = refusals(Campaign, f"id,domain\n{rich.pk},else\n", operator, None)

    assert told[:2] == (2, "domain")


def staff_with(name: str, *rights: tuple[Action, Campaign | None]) -> Viewer:
    """Somebody with these rights."""
    staff = Staff.objects.create_user(name, f"{name}@monoql.example", "correct horse", is_staff=True)
    for action, campaign in rights:
        Grant.objects.create(staff=staff, campaign=campaign, action=action, granted_at=timezone.now(), granted_by=staff)
    return viewer_of_staff(staff)


@pytest.mark.parametrize("model", OWN)
def test_whoever_imports_holds_the_right_of_whoever_edits(model: type[models.Model], rich: Campaign) -> None:
    right = Action.EDIT_CONTENT if model in (Content, Faq) else Action.EDIT_SETUP
    wrong = Action.EDIT_SETUP if model in (Content, Faq) else Action.EDIT_CONTENT
    other = Campaign.objects.get(domain="other")
    ann, eve = staff_with("ann", (right, rich)), staff_with("eve", (right, other), (wrong, rich))
    table = table_of(export_rows(model, "csv", Scope(rich, ann))[0])

    assert run(model, table, ann, rich).counts["same"]
    with pytest.raises(NotAllowed):
        run(model, table, eve, rich)


def test_campaigns_of_a_file_are_those_that_the_viewer_may_see_and_change(rich: Campaign) -> None:
    other = Campaign.objects.get(domain="other")
    maker = staff_with("mia", (Action.EDIT_CATALOGUE, None), (Action.VIEW, rich))
    table = table_of(export_rows(Campaign, "csv", Scope(None, maker))[0])

    hidden = refusals(Campaign, f"id,name\n{other.pk},Mine\n", maker, None)
    shown = refusals(Campaign, f"id,name\n{rich.pk},Mine\n", maker, None)
    run(
        Campaign,
        without_ids(Table(table.columns, [(2, [c.replace("aurora", "mine") for c in table.rows[0][1]])])),
        maker,
    )

    assert [row[table.columns.index("domain")] for _, row in table.rows] == ["aurora"]
    assert "There is no campaign with the id" in hidden[0][2]
    assert shown == [(2, "id", "You may not change this campaign's set-up.")]
    fresh = viewer_of_staff(Staff.objects.get(username="mia"))
    assert may(fresh, Action.EDIT_SETUP, Campaign.objects.get(domain="mine").pk)


def test_a_finished_campaign_takes_no_file(rich: Campaign, operator: Viewer) -> None:
    table = table_of(export_rows(Faq, "csv", Scope(rich, operator))[0])
    Campaign.objects.filter(pk=rich.pk).update(status="finished")

    with pytest.raises(CannotImport, match="finished"):
        run(Faq, table, operator, rich)
    (told,) = refusals(Campaign, f"id,name\n{rich.pk},New\n", operator, None)
    assert "finished" in told[2]


def test_promoters_and_artists_are_named_by_their_ids(rich: Campaign, operator: Viewer) -> None:
    artist, promoter = Artist.objects.create(name="Other"), Promoter.objects.create(name="Other")

    run(Campaign, f"id,artist,promoter,artist_name\n{rich.pk},{artist.pk},{promoter.pk},ignored\n", operator)

    found = Campaign.objects.get(pk=rich.pk)
    assert (found.artist, found.promoter, found.artist.name) == (artist, promoter, "Other")
    event = AuditEvent.objects.get(action="campaign.change")
    assert event.changes["artist_name"] == ["Aurora Vale", "Other"]
    assert Locale.objects.count() == 3
