"""A campaign's colour on its pages: whatever an operator chooses, words stay readable, in light and in dark.

The colour is a file of its own, since the content policy allows no style within a page. Its address holds the colour,
so it is kept for ever.
"""

import colorsys
from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.urls import re_path
from django.views.decorators.http import require_safe

READABLE = 4.7
"""The contrast that words need is 4.5; a little more leaves room for rounding."""
ON_HERO = 7.5
WHOLE_YEAR = 365 * 24 * 3600

WHITE = (1.0, 1.0, 1.0)
NIGHT = (0x12 / 255, 0x11 / 255, 0x18 / 255)
LIGHT_GROUND = (0xF6 / 255, 0xF5 / 255, 0xF2 / 255)
DARK_PAPER = (0x1C / 255, 0x1A / 255, 0x25 / 255)

type Rgb = tuple[float, float, float]


@dataclass(frozen=True)
class Palette:
    """The values of the style sheet's variables that hang on the colour, in one scheme."""

    accent: Rgb
    strong: Rgb
    on_accent: Rgb
    wash: Rgb

    @property
    def css(self) -> str:
        """As declarations."""
        return (
            f"--accent: {as_hex(self.accent)}; --accent-strong: {as_hex(self.strong)}; "
            f"--on-accent: {as_hex(self.on_accent)}; --accent-wash: {as_hex(self.wash)};"
        )


def stylesheet(colour: str) -> str:
    """The style sheet for a colour such as ``5b3fd6``."""
    chosen = as_rgb(colour)
    return (
        f":root {{ {light(chosen).css} {_hero(chosen)} }}\n"
        f"@media (prefers-color-scheme: dark) {{ :root {{ {dark(chosen).css} }} }}\n"
    )


def light(chosen: Rgb) -> Palette:
    """The colour, darker where words in it would not be readable on the page, on a wash and under white."""
    wash = _mixed(chosen, WHITE, 0.12)
    ground = min((LIGHT_GROUND, wash), key=luminance)
    accent = _moved(chosen, ground, READABLE, -1)
    return Palette(accent=accent, strong=_moved(accent, ground, READABLE + 2, -1), on_accent=WHITE, wash=wash)


def dark(chosen: Rgb) -> Palette:
    """The same on dark paper: lighter, with dark words on it."""
    wash = _mixed(chosen, DARK_PAPER, 0.2)
    ground = max((DARK_PAPER, wash), key=luminance)
    accent = _moved(chosen, ground, READABLE, 1)
    strong = _moved(accent, ground, READABLE + 2, 1)
    return Palette(accent=accent, strong=strong, on_accent=NIGHT, wash=wash)


def _hero(chosen: Rgb) -> str:
    """The colours of the page's head, under white words."""
    hue, _, saturation = colorsys.rgb_to_hls(*chosen)
    glows = [_moved(colorsys.hls_to_rgb((hue + turn) % 1, 0.4, saturation), WHITE, ON_HERO, -1) for turn in (0, -0.07)]
    night = colorsys.hls_to_rgb(hue, 0.08, min(saturation, 0.5))
    names = ("--glow", "--glow-side", "--glow-low", "--night")
    colours = (glows[0], glows[1], glows[0], night)
    return " ".join(f"{name}: {as_hex(colour)};" for name, colour in zip(names, colours, strict=True))


def _moved(colour: Rgb, ground: Rgb, wanted: float, step: int) -> Rgb:
    """The colour, so much darker (-1) or lighter (1) that it has a contrast to the ground."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*colour)
    found = colour
    for percent in range(101):
        moved = colorsys.hls_to_rgb(hue, min(max(lightness + step * percent / 100, 0), 1), saturation)
        found = as_rgb(as_hex(moved)[1:])
        if contrast(found, ground) >= wanted:
            break
    return found


def _mixed(colour: Rgb, other: Rgb, share: float) -> Rgb:
    red, green, blue = (one * share + two * (1 - share) for one, two in zip(colour, other, strict=True))
    return red, green, blue


def contrast(one: Rgb, two: Rgb) -> float:
    """The contrast of two colours as WCAG defines it, from 1 to 21."""
    high, low = sorted((luminance(one), luminance(two)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def luminance(colour: Rgb) -> float:
    """The relative luminance, from 0 to 1."""
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def as_rgb(colour: str) -> Rgb:
    """Six hexadecimal digits as three parts from 0 to 1."""
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (0, 2, 4))
    return red, green, blue


def as_hex(colour: Rgb) -> str:
    """A colour as style sheets write it."""
    return "#" + "".join(f"{round(part * 255):02x}" for part in colour)


@require_safe
def colours(request: HttpRequest, colour: str, domain: str = "") -> HttpResponse:
    """The style sheet of a colour, the same on every host and for every campaign."""
    response = HttpResponse(stylesheet(colour), content_type="text/css; charset=utf-8")
    response.headers["Cache-Control"] = f"public, max-age={WHOLE_YEAR}, immutable"
    return response


route = re_path(r"^colours/(?P<colour>[0-9a-f]{6})\.css$", colours)


def address_of(colour: str) -> str:
    """The address of the style sheet for a colour such as ``#5b3fd6``, on any of our hosts; empty for none."""
    return f"/colours/{colour.removeprefix('#')}.css" if colour else ""
