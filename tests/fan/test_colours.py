"""A campaign's colour: whatever is chosen, words stay readable."""

import pytest
from django.test import Client
from hypothesis import example, given
from hypothesis import strategies as st

from campaigns.models import Campaign
from monoql.fan_colours import DARK_PAPER, LIGHT_GROUND, NIGHT, WHITE, as_hex, as_rgb, contrast, dark, light, stylesheet

ENOUGH = 4.5
COLOURS = st.from_regex(r"\A[0-9a-f]{6}\Z")


@given(COLOURS)
@example("ffffff")
@example("000000")
@example("ffff00")
@example("0000ff")
@example("808080")
def test_words_are_readable_in_any_colour_light_and_dark(colour: str) -> None:
    for palette, grounds in (
        (light(as_rgb(colour)), (WHITE, LIGHT_GROUND)),
        (dark(as_rgb(colour)), (NIGHT, DARK_PAPER)),
    ):
        for ground in (*grounds, palette.wash):
            assert contrast(palette.accent, ground) >= ENOUGH
            assert contrast(palette.strong, ground) >= ENOUGH
        assert contrast(palette.on_accent, palette.accent) >= ENOUGH
        assert contrast(palette.on_accent, palette.strong) >= ENOUGH


@given(COLOURS)
def test_white_words_are_readable_on_the_head_of_the_page(colour: str) -> None:
    sheet = stylesheet(colour)
    for name in ("--glow", "--glow-side", "--glow-low", "--night"):
        value = sheet.partition(f"{name}: #")[2][:6]
        assert contrast(as_rgb(value), WHITE) >= ENOUGH


def test_a_colour_that_is_readable_already_stays_as_it_is() -> None:
    assert as_hex(light(as_rgb("4a3bd1")).accent) == "#4a3bd1"


def test_the_page_of_a_campaign_with_a_colour_loads_it_as_a_file(client: Client, tour: Campaign, base: str) -> None:
    without = client.get(base).content.decode()
    Campaign.objects.filter(pk=tour.pk).update(accent_color="#d1623b")
    page = client.get(base).content.decode()
    sheet = client.get("/colours/d1623b.css")

    assert "/colours/" not in without
    assert '<link rel="stylesheet" href="/colours/d1623b.css">' in page
    assert sheet.headers["Content-Type"] == "text/css; charset=utf-8"
    assert sheet.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert client.get("/colours/d1623b.css", headers={"Host": "aurora.localhost"}).content == sheet.content


@pytest.mark.parametrize("name", ["d1623", "D1623B", "d1623b.css%22", "red"])
def test_only_six_digits_are_a_colour(client: Client, db: None, name: str) -> None:
    assert client.get(f"/colours/{name}.css").status_code == 404
