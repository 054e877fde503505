"""Takes the pictures of a walk: whole pages, numbered, in light, and where it is asked in dark and on a phone."""

from dataclasses import dataclass
from pathlib import Path

import PIL.Image
from playwright.sync_api import Page

WIDE, PHONE = (1280, 900), (390, 844)
TALLEST = 4000
NO_DITHER = PIL.Image.Dither.NONE


@dataclass
class Camera:
    """Takes pictures into a folder; without one it only sees that no page is wider than its screen."""

    folder: Path | None = None
    taken: int = 0

    def take(self, page: Page, name: str, *, also: bool = False) -> None:
        """Take the page that is open; ``also`` adds one in dark and one on a phone."""
        self.taken += 1
        page.locator("html:not([x-cloak])").wait_for()
        number = f"{self.taken:02}-{name}"
        self._shoot(page, number, WIDE)
        if also:
            page.emulate_media(color_scheme="dark")
            page.evaluate("document.documentElement.classList.add('dark')")
            self._shoot(page, f"{number}-dark", WIDE)
            page.evaluate("document.documentElement.classList.remove('dark')")
            page.emulate_media(color_scheme="light")
            self._shoot(page, f"{number}-phone", PHONE)
        page.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})
        # The menu closes when the window changes, a frame later.
        page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    def _shoot(self, page: Page, name: str, size: tuple[int, int]) -> None:
        width, height = size
        page.set_viewport_size({"width": width, "height": height})
        too_wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert too_wide <= 0, (name, too_wide)
        if self.folder is None:
            return
        # A window as tall as the page keeps the bar with a form's buttons at its end.
        whole = min(page.evaluate("document.documentElement.scrollHeight"), TALLEST)
        page.set_viewport_size({"width": width, "height": max(whole, height if width == PHONE[0] else 0, 400)})
        page.evaluate("document.fonts.ready")
        path = self.folder / f"{name}.png"
        page.screenshot(path=path, animations="disabled", caret="hide")
        small = PIL.Image.open(path).convert("RGB").quantize(256, PIL.Image.Quantize.MAXCOVERAGE, dither=NO_DITHER)
        small.save(path, optimize=True)
