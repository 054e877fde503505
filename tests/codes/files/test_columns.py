"""What columns are recognised as, and how a person corrects it."""

import json
from pathlib import Path

import pytest

from codes.files import CannotRead, Look, Shape, look, with_roles


def look_at(text: str, folder: Path) -> Look:
    """A look at a file with this text."""
    path = folder / "codes.csv"
    path.write_text(text)
    return look(path, file_name="codes.csv")


@pytest.mark.parametrize(
    ("header", "roles"),
    [
        ("code,type,campaignId,market,event", {"code": 0, "type": 1, "campaign": 2, "market": 3, "event": 4}),
        ("Event ID,Market Code,Offer Code", {"code": 2, "market": 1, "event": 0}),
        ("ACCESS_CODE,Code Type,Campaign-ID", {"code": 0, "type": 1, "campaign": 2}),
        ("presale code,City,Seat", {"code": 0, "market": 1}),
        ("Zugangscode,Kampagne,Stadt,Veranstaltung", {"code": 0, "campaign": 1, "market": 2, "event": 3}),
        ("Código de acceso,Tipo,Campaña,Ciudad,Evento", {"code": 0, "type": 1, "campaign": 2, "market": 3, "event": 4}),
        ("Code d'accès,Campagne,Marché,Événement", {"code": 0, "campaign": 1, "market": 2, "event": 3}),
        ("City,Market,Code", {"code": 2, "market": 1}),
    ],
)
def test_columns_are_recognised_by_their_names(header: str, roles: dict[str, int], tmp_path: Path) -> None:
    row = ",".join(f"AB12CD{number}" for number in range(header.count(",") + 1))

    shape = look_at(f"{header}\n{row}\n", tmp_path).shape

    assert shape.has_header
    assert shape.roles == roles


def test_without_a_header_the_column_that_looks_like_codes_is_read(tmp_path: Path) -> None:
    seen = look_at("1;Los Angeles;AB12CD34\n2;New York;EF56GH78\n3;New York;IJ90KL12\n", tmp_path)

    assert seen.shape.roles == {"code": 2}
    assert seen.shape.columns == ("Column 1", "Column 2", "Column 3")
    assert "“Column 3” is read" in seen.warnings[0]


def test_two_columns_that_could_be_the_code_are_worth_a_warning(tmp_path: Path) -> None:
    seen = look_at("Offer code,Access code\nAB12CD34,EF56GH78\n", tmp_path)

    assert seen.shape.roles == {"code": 0}
    assert seen.warnings == ("“Offer code” and “Access code” could both be the code; the first is read.",)


def test_a_decimal_comma_is_no_delimiter_where_there_are_semicolons(tmp_path: Path) -> None:
    shape = look_at("AB12CD34;a, b\nEF56GH78;c, d\n", tmp_path).shape

    assert shape.delimiter == ";"


def test_a_word_above_codes_is_a_header(tmp_path: Path) -> None:
    assert look_at("Presale\nAB12CD34\nEF56GH78\n", tmp_path).shape.has_header


def test_a_first_code_is_no_header(tmp_path: Path) -> None:
    assert not look_at("ABCDEFGH\nAB12CD34\nEF56GH78\n", tmp_path).shape.has_header


def test_a_shape_survives_being_kept_as_json(tmp_path: Path) -> None:
    shape = look_at("market,code\nLAX,AB12CD34\n", tmp_path).shape

    assert Shape.from_json(json.loads(json.dumps(shape.to_json()))) == shape


def test_a_person_maps_the_columns_anew(tmp_path: Path) -> None:
    shape = look_at("market,code,serial\nLAX,AB12CD34,1\n", tmp_path).shape

    mapped = with_roles(shape, {"code": 2, "event": 0}, has_header=False)

    assert mapped.roles == {"code": 2, "event": 0}
    assert not mapped.has_header


@pytest.mark.parametrize(
    ("roles", "message"),
    [
        ({"market": 0}, "Say which column holds the codes"),
        ({"code": 3}, "has 3 columns: choose the code among them"),
        ({"code": -1}, "has 3 columns: choose the code among them"),
        ({"code": 1, "market": 1}, "“code” cannot be both code and market"),
        ({"code": 1, "price": 0}, "“price” is none of these"),
    ],
)
def test_a_mapping_that_makes_no_sense_is_refused(roles: dict[str, int], message: str, tmp_path: Path) -> None:
    shape = look_at("market,code,serial\nLAX,AB12CD34,1\n", tmp_path).shape

    with pytest.raises(CannotRead, match=message):
        with_roles(shape, roles)
