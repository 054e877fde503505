"""The admin library's settings: name, colours, and the functions that fill its frame."""

from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import reverse_lazy


def _icon(request: HttpRequest) -> str:
    return static("fan/icon.svg")


def _style(request: HttpRequest) -> str:
    return static("admin_monoql/console.css")


def _script(request: HttpRequest) -> str:
    return static("admin_monoql/console.js")


UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "MonoQL",
    "SITE_HEADER": "MonoQL",
    "SITE_SUBHEADER": "Presales, fairly drawn",
    "SITE_URL": "/",
    "SITE_ICON": _icon,
    "SITE_FAVICONS": [{"rel": "icon", "type": "image/svg+xml", "href": _icon}],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "BORDER_RADIUS": "8px",
    "STYLES": [_style],
    "SCRIPTS": [_script],
    "DASHBOARD_CALLBACK": "monoql.admin_site.dashboard",
    "GLOBAL_CALLBACK": "monoql.admin_site.every_page",
    "COLORS": {
        "primary": {
            "50": "oklch(97% .014 280)",
            "100": "oklch(94% .03 280)",
            "200": "oklch(89% .058 280)",
            "300": "oklch(81% .1 280)",
            "400": "oklch(71% .15 279)",
            "500": "oklch(61% .2 278)",
            "600": "oklch(50% .22 278)",
            "700": "oklch(44% .2 278)",
            "800": "oklch(38% .165 278)",
            "900": "oklch(33% .13 278)",
            "950": "oklch(24% .09 279)",
        },
    },
    "COMMAND": {
        "search_models": ["campaigns.campaign", "campaigns.artist", "campaigns.venue"],
        "show_history": False,
    },
    "ACCOUNT": {"navigation": [{"title": "Your sign-in", "link": reverse_lazy("mfa_index")}]},
    "SIDEBAR": {
        "show_search": True,
        "command_search": True,
        "show_all_applications": False,
        "navigation": "monoql.admin_site.navigation",
    },
}
