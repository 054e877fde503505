"""The catalogue as files: out, back, and what is refused on the way."""

import io
import zipfile
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import models
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns.models import Artist, Locale, PrivacyPolicy, Promoter, Tracker, Venue
from campaigns.transfer.files import MOST_ROWS, CannotRead, Table, guarded, read_table, unguarded, write_csv, write_xlsx
from campaigns.transfer.importing import FORMATS, CannotImport, Plan, export_rows, import_rows, plan_import
from core.models import AuditEvent
from core.refusal import NotAllowed
from viewers.models import Staff
from viewers.viewer import Viewer, viewer_of_staff

KINDS: tuple[type[models.Model], ...] = (Artist, Venue, Promoter, Tracker, Locale)
ODD = "=HYPERLINK(\"http://x.example\";'a') \n, „größer“ 東京"


def table_of(data: bytes) -> Table:
    """What a file holds."""
    return read_table(io.BytesIO(data), size=len(data))


def run(model: type[models.Model], text: str, actor: Viewer) -> Plan:
    """Import a CSV text as an operator does: look, then do."""
    table = table_of(text.encode())
    plan = plan_import(model, table)
    return import_rows(model=model, table=table, seen=plan.fingerprint, actor=actor, now=timezone.now())


def values(model: type[models.Model], *, with_key: bool) -> list[dict[str, Any]]:
    """Every stored value of a kind, in an order of its own."""
    rows = []
    for row in model._default_manager.order_by("pk"):
        found = {field.name: getattr(row, field.attname) for field in row._meta.concrete_fields}
        if isinstance(row, Promoter):
            found["policies"] = dict(row.policies.values_list("locale_id", "url"))
        if not with_key:
            found.pop("id", None)
        rows.append({name: value or "" if value in (None, "") else value for name, value in found.items()})
    return rows


@pytest.fixture
def catalogue(db: None) -> None:
    """Rows of every kind with all that can go wrong in a spreadsheet."""
    Locale.objects.create(code="en_US", name="English")
    Locale.objects.create(code="ar_EG", name="العربية", direction="rtl", is_active=False)
    Artist.objects.create(name=ODD, discovery_id="007", image="https://x.example/a.jpg", fan_club_name="+Vale")
    Artist.objects.create(name="-5")
    Venue.objects.create(
        name="'=Dome",
        city="Tokyo",
        city_ja="東京",
        country="JP",
        timezone="Asia/Tokyo",
        latitude=Decimal("-35.70000"),
        longitude=Decimal("139.75"),
        ticketing_platform_id="0012",
    )
    Venue.objects.create(name="Hall", city="Graz", country="AT", timezone="Europe/Vienna")
    promoter = Promoter.objects.create(name="@Sunset", privacy_url="https://x.example/p")
    PrivacyPolicy.objects.create(promoter=promoter, locale_id="ar_EG", url="https://x.example/ar")
    Promoter.objects.create(name="Other")
    Tracker.objects.create(name="Tag", kind="ga4", identifier="-A1", is_active=False)
    Tracker.objects.create(name="Image", kind="pixel", url="https://x.example/i.gif?a=1&b=2")


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("model", KINDS)
def test_a_file_that_was_exported_changes_nothing(
    model: type[models.Model], form: str, catalogue: None, operator: Viewer
) -> None:
    before = values(model, with_key=True)

    table = table_of(export_rows(model, form)[0])
    plan = plan_import(model, table)
    import_rows(model=model, table=table, seen=plan.fingerprint, actor=operator, now=timezone.now())

    assert plan.counts == {"add": 0, "change": 0, "same": 2, "refused": 0}
    assert values(model, with_key=True) == before
    assert AuditEvent.objects.count() == 0


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("model", KINDS)
def test_rows_that_were_exported_come_back_into_an_empty_catalogue(
    model: type[models.Model], form: str, catalogue: None, operator: Viewer
) -> None:
    before = values(model, with_key=False)
    table = table_of(export_rows(model, form)[0])
    if model is Locale:
        PrivacyPolicy.objects.all().delete()
    model._default_manager.all().delete()
    rows = [(line, ["" if name == "id" else cell for name, cell in zip(table.columns, cells, strict=True)])
            for line, cells in table.rows]  # fmt: skip
    table = Table(table.columns, rows)

    plan = plan_import(model, table)
    empty = values(model, with_key=False)
    import_rows(model=model, table=table, seen=plan.fingerprint, actor=operator, now=timezone.now())

    assert empty == []
    assert values(model, with_key=False) == before
    assert AuditEvent.objects.filter(action=f"{model._meta.model_name}.add").count() == 2


TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=30)


@settings(max_examples=300, deadline=None)
@given(st.lists(st.lists(TEXTS, min_size=2, max_size=2), min_size=1, max_size=5))
def test_any_text_survives_a_file_and_none_begins_like_a_formula(rows: list[list[str]]) -> None:
    cells = [["x", *row] for row in rows]
    columns = ["key", "one", "two"]

    for write in (write_csv, write_xlsx):
        assert [row for _, row in table_of(write(columns, cells)).rows] == cells
    for row in rows:
        for text in row:
            assert unguarded(guarded(text)) == text
            assert not guarded(text).startswith(("=", "+", "@", "\t", "\r"))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(TEXTS.filter(lambda text: text.strip()), min_size=1, max_size=4))
def test_artists_of_any_name_come_back_unchanged(names: list[str], db: None) -> None:
    Artist.objects.all().delete()
    Artist.objects.bulk_create(Artist(name=name, fan_club_name=name) for name in names)

    plan = plan_import(Artist, table_of(export_rows(Artist, "csv")[0]))

    assert plan.counts == {"add": 0, "change": 0, "same": len(names), "refused": 0}


def test_a_dry_run_tells_what_changes_and_changes_nothing(catalogue: None) -> None:
    hall = Venue.objects.get(name="Hall")
    text = f"id;city_en;city_de;latitude;longitude\n{hall.pk};Graz;Gratz;47.07;15.44\n"

    plan = plan_import(Venue, table_of(text.encode()))

    (line,) = plan.of("change")
    assert line.changes == {"city_de": ["", "Gratz"], "latitude": ["", "47.07"], "longitude": ["", "15.44"]}
    hall.refresh_from_db()
    assert hall.latitude is None


def test_an_import_changes_adds_and_leaves_a_line_in_the_history(catalogue: None, operator: Viewer) -> None:
    sunset = Promoter.objects.get(name="@Sunset")
    text = f"id,name,privacy_url,privacy_en_US,privacy_ar_EG\n{sunset.pk},Sunset,,https://x.example/en,\n,New,,,\n"

    run(Promoter, text, operator)

    sunset.refresh_from_db()
    assert (sunset.name, sunset.privacy_url) == ("Sunset", "")
    assert dict(sunset.policies.values_list("locale_id", "url")) == {"en_US": "https://x.example/en"}
    changed, added = AuditEvent.objects.get(action="promoter.change"), AuditEvent.objects.get(action="promoter.add")
    assert changed.changes["privacy_ar_EG"] == ["https://x.example/ar", ""]
    assert (added.changes, added.reason) == ({"name": [None, "New"]}, "Imported from line 3 of a file.")


@pytest.mark.parametrize(
    ("model", "text", "column", "words"),
    [
        (Artist, "name\n\n ,\n", "", ""),
        (Artist, "id,name\n999999,Nobody\n", "id", "There is no artist with the id 999999"),
        (Artist, "id,name\nx,Nobody\n", "id", "There is no artist with the id x"),
        (Artist, 'name,fan_club_name\n"",Vale\n', "name", "cannot be blank"),
        (Artist, "name,image\nA,nonsense\n", "image", "valid URL"),
        (Artist, "name,discovery_id\nA,007\n", "discovery_id", "Another artist has this id."),
        (Venue, "name_en,city_en,country,timezone\nHall,Graz,AT,Europe/Vienna\n", "country", "There is a venue"),
        (Venue, "name_en,city_en,country,timezone\n,Graz,AT,Europe/Vienna\n", "name_en", "cannot be blank"),
        (Venue, "name_en,city_en,country,timezone\nA,B,AT,Mars/Base\n", "timezone", "is no time zone"),
        (
            Venue,
            "name_en,city_en,country,timezone,latitude\nA,B,AT,Europe/Vienna,12\n",
            "longitude",
            "Give both coordinates",
        ),
        (Venue, "name_en,latitude\nA,north\n", "latitude", "Write degrees as a number"),
        (Promoter, "name\nOther\n", "name", "There is a promoter with this name"),
        (Promoter, "name,privacy_en_US\nNew,nowhere\n", "privacy_en_US", "valid URL"),
        (Tracker, "name,kind\nNew,ga4\n", "kind", "every other kind needs its id"),
        (Tracker, "name,kind,identifier\nNew,fax,1\n", "kind", "not a valid choice"),
        (Tracker, "name,kind,identifier,is_active\nNew,ga4,1,perhaps\n", "is_active", "Write yes or no."),
        (Tracker, "name,kind,identifier\nNew,ga4,-A1\n", "identifier", "There is a tracker of this kind"),
        (Locale, "code,name\nenglish,English\n", "code", "Use a code like en_US."),
    ],
)
def test_a_wrong_row_is_told_with_its_line_and_column(
    model: type[models.Model], text: str, column: str, words: str, catalogue: None, operator: Viewer
) -> None:
    if not words:
        assert plan_import(model, table_of(text.encode())).lines == ()
        return
    table = table_of(text.encode())

    plan = plan_import(model, table)

    (line,) = plan.of("refused")
    assert line.line == 2
    assert any(name == column and words in told for name, told in line.errors), line.errors
    with pytest.raises(CannotImport):
        import_rows(model=model, table=table, seen=plan.fingerprint, actor=operator, now=timezone.now())


def test_one_refused_line_keeps_all_others_out(catalogue: None, operator: Viewer) -> None:
    with pytest.raises(CannotImport, match="whole or not at all"):
        run(Artist, "name,image\nGood,\nBad,nonsense\nAlso good,\n", operator)

    assert not Artist.objects.filter(name__contains="ood").exists()
    assert AuditEvent.objects.count() == 0


def test_an_id_that_stands_twice_is_refused(catalogue: None) -> None:
    pk = Artist.objects.get(name="-5").pk

    plan = plan_import(Artist, table_of(f"id,name\n{pk},A\n{pk},B\n".encode()))

    assert [(line.line, line.errors) for line in plan.of("refused")] == [
        (3, (("id", f"{pk} stands in an earlier line too."),))
    ]


def test_a_catalogue_that_changed_since_the_dry_run_is_looked_at_again(catalogue: None, operator: Viewer) -> None:
    pk = Artist.objects.get(name="-5").pk
    table = table_of(f"id,name\n{pk},Halcyon\n".encode())
    seen = plan_import(Artist, table).fingerprint
    Artist.objects.filter(pk=pk).update(name="Renamed")

    with pytest.raises(CannotImport, match="changed since"):
        import_rows(model=Artist, table=table, seen=seen, actor=operator, now=timezone.now())

    assert Artist.objects.get(pk=pk).name == "Renamed"


def test_only_whoever_may_edit_the_catalogue_imports(catalogue: None, clerk: Staff) -> None:
    with pytest.raises(NotAllowed):
        run(Artist, "name\nNew\n", viewer_of_staff(clerk))


def test_a_column_that_there_is_not_is_refused(catalogue: None) -> None:
    with pytest.raises(CannotImport, match="no column “nmae”"):
        plan_import(Artist, table_of(b"nmae\nAurora\n"))


def bomb() -> bytes:
    """A small file that says it is a hundred megabytes."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/worksheets/sheet1.xml", b"0" * (100 << 20))
    return out.getvalue()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: b"", "is empty"),
        (lambda: b"name\n" + b"A\n" * (MOST_ROWS + 1), "more than"),
        (lambda: b"name\n" + b"A" * (2 << 20), "larger than"),
        (lambda: "name\nGrößer\n".encode("latin-1"), "not in UTF-8"),
        (lambda: b"name,name\nA,B\n", "each column once"),
        (lambda: b"name\nA,B\n", "more cells"),
        (lambda: b'name\n"A\n', "cannot be read"),
        (lambda: b"name\nA\0\n", "no CSV"),
        (lambda: b"PK\x03\x04 nonsense", "no XLSX"),
        (bomb, "too large when it is unpacked"),
    ],
)
def test_a_file_that_is_no_table_is_refused(make: Callable[[], bytes], words: str) -> None:
    with pytest.raises(CannotRead, match=words):
        table_of(make())
