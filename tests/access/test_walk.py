"""Every route, method and admin action as every identity: what has no line in routes.txt fails."""

import pytest
from django.contrib import admin
from django.test import RequestFactory

from tests.access.conftest import Walk
from tests.access.walk import (
    IDENTITIES,
    METHODS,
    TABLE,
    Line,
    address_of,
    agrees,
    expected,
    outcome_of,
    read_table,
    routes,
)
from viewers.models import Staff

pytestmark = pytest.mark.django_db(transaction=True)
LINES = read_table(TABLE.read_text())
PARTS = ("api/", "admin/campaigns/", "admin/viewers/", "admin/", "")
"""The walk in parts that several processes can share: the beginnings of their routes, the first that fits."""
ACTIONS: dict[str, str] = {}
"""Admin actions on many rows, by model and name, and who may; there are none."""


def part_of(route: str) -> str:
    """The part to which a route belongs."""
    return next(part for part in PARTS if route.startswith(part))


def ask(walk: Walk, line: Line, method: str, identity: str) -> str:
    """What one cell's request means for whoever sends it."""
    address = address_of(line.route, walk.values)
    campaign = walk.tour.campaign
    if line.route.endswith("?campaign"):
        field = "campaign_id" if "auditevent" in line.route else "campaign"
        address += f"?{field}={campaign.domain if line.route.startswith('api/') else campaign.pk}"
    host = f"{campaign.domain}.localhost" if line.route.startswith("fan-host:") else "localhost"
    return outcome_of(walk.identities[identity].ask(method, address, host))


def deviations(walk: Walk, lines: list[Line]) -> list[str]:
    """The cells in which the product does something else than the table says."""
    found = []
    for line in lines:
        for method in line.methods:
            for identity in IDENTITIES:
                wanted = expected(line.who, identity, line.route)
                outcome = ask(walk, line, method, identity)
                if not agrees(outcome, wanted):
                    found.append(f"{method} {line.route} as {identity}: {outcome}, should be {wanted}")
    return found


@pytest.mark.parametrize("part", PARTS)
def test_every_cell_of_the_table_is_what_the_product_does(walk: Walk, part: str) -> None:
    lines = [line for line in LINES if part_of(line.route) == part]

    found = deviations(walk, lines)
    assert not found, "\n".join(found)


@pytest.mark.soak
@pytest.mark.parametrize("part", PARTS)
def test_every_page_is_made_to_its_last_word_for_everybody(
    walk: Walk, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.access.walk.READERS", IDENTITIES)

    found = deviations(walk, [line for line in LINES if part_of(line.route) == part])
    assert not found, "\n".join(found)


def test_every_route_has_a_line() -> None:
    declared = {line.route.removesuffix("?campaign") for line in LINES}

    assert set(routes()) - declared == set()
    assert declared - set(routes()) == set()


@pytest.mark.parametrize("part", PARTS)
def test_every_method_that_a_route_answers_has_a_line(walk: Walk, part: str) -> None:
    declared: dict[str, set[str]] = {}
    for line in LINES:
        if part_of(line.route) == part:
            declared.setdefault(line.route.removesuffix("?campaign"), set()).update(line.methods)

    undeclared = [
        f"{method} {route}"
        for route, methods in declared.items()
        for method in METHODS
        if method not in methods
        and not (method not in ("GET", "POST") and not route.startswith("api/"))  # Views of pages know two methods.
        and ask(walk, Line("", (method,), route), method, "supreme") == "allowed"
    ]

    assert undeclared == []


def test_every_admin_action_is_declared(supreme: Staff) -> None:
    request = RequestFactory().get("/admin/")
    request.user = supreme

    found = {
        f"{model._meta.label_lower}.{name}"
        for model, console in admin.site._registry.items()
        for name in console.get_actions(request)
    }

    assert found == set(ACTIONS)


@pytest.mark.parametrize(
    ("route", "method", "wrong"),
    [
        ("api/v1/waves/<int:pk>/trigger/", "POST", "view"),
        ("admin/entries/entry/<path:object_id>/reveal/", "GET", "export"),
        ("c/<slug:domain>/", "GET", "staff"),
    ],
)
def test_a_wrong_line_makes_the_walk_fail(walk: Walk, route: str, method: str, wrong: str) -> None:
    assert deviations(walk, [Line(wrong, (method,), route)]) != []
