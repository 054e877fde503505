"""A fan club's member list on its way in."""

import io
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from campaigns.member_list import CannotImportMembers, Outcome, import_members, members_of, remove_members
from campaigns.models import Artist, Member
from core.models import AuditEvent
from core.refusal import NotAllowed
from viewers.models import Staff
from viewers.viewer import Viewer, viewer_of_staff

NOW = datetime(2027, 1, 10, 12, 0, tzinfo=UTC)


@pytest.fixture
def artist(db: None) -> Artist:
    """Whose fan club it is."""
    return Artist.objects.create(name="Aurora Vale", fan_club_name="The Valley")


def bring(artist: Artist, text: str | bytes, actor: Viewer, *, is_whole_list: bool = False) -> Outcome:
    """Import a file."""
    data = text.encode() if isinstance(text, str) else text
    return import_members(
        artist=artist, file=io.BytesIO(data), size=len(data), is_whole_list=is_whole_list, actor=actor, now=NOW
    )


def members(artist: Artist) -> dict[str, str]:
    """Addresses by number."""
    return dict(Member.objects.filter(artist=artist).values_list("number", "email"))


def test_numbers_and_addresses_are_kept_in_normal_form(artist: Artist, operator: Viewer) -> None:
    outcome = bring(artist, "Member Number;E-Mail\n Ａb12 ;ADA@Bücher.example\nB2;\n", operator)

    assert members(artist) == {"Ab12": "ada@xn--bcher-kva.example", "B2": ""}
    assert outcome.counts == {"added": 2, "changed": 0, "there": 0, "removed": 0, "refused": 0}


@pytest.mark.parametrize(
    "text",
    ["1,ada@example.com\n", "email,number\nada@example.com,1\n", "id\tname\tmail\n1\tAda\tada@example.com\n",
     "\ufeffnumber,email\r\n\r\n\"1\",\"ada@example.com\"\r\n"],
)  # fmt: skip
def test_the_columns_are_found_with_and_without_a_header(text: str, artist: Artist, operator: Viewer) -> None:
    bring(artist, text, operator)

    assert members(artist) == {"1": "ada@example.com"}


def test_adding_keeps_the_others_and_changes_addresses(artist: Artist, operator: Viewer) -> None:
    bring(artist, "1,ada@example.com\n2,ben@example.com\n3,cleo@example.com\n", operator)

    outcome = bring(artist, "2,ben@example.com\n3,cleo@new.example\n4,dee@example.com\n", operator)

    assert outcome.counts == {"added": 1, "changed": 1, "there": 1, "removed": 0, "refused": 0}
    assert members(artist)["3"] == "cleo@new.example"
    assert len(members(artist)) == 4


def test_a_whole_list_removes_whom_it_does_not_name(artist: Artist, operator: Viewer) -> None:
    other = Artist.objects.create(name="Other")
    bring(other, "1,ada@example.com\n", operator)
    bring(artist, "1,ada@example.com\n2,ben@example.com\n", operator)

    outcome = bring(artist, "2,ben@example.com\n5,eve@example.com\n", operator, is_whole_list=True)

    assert outcome.counts == {"added": 1, "changed": 0, "there": 1, "removed": 1, "refused": 0}
    assert set(members(artist)) == {"2", "5"}
    assert set(members(other)) == {"1"}


def test_what_is_refused_is_told_by_its_line(artist: Artist, operator: Viewer) -> None:
    long = "9" * 65
    outcome = bring(
        artist, f'number,email\n1,\n,ada@example.com\n{long},\n2,nonsense\n"3\n",\n1,\n4,a@localhost\n', operator
    )

    assert members(artist) == {"1": "", "3": ""}
    assert outcome.shown == [
        (3, "There is no number."),
        (4, "The number is longer than 64 characters."),
        (5, "The address does not look like an e-mail address."),
        (8, "The same number stands in line 2."),
        (9, "The address does not look like an e-mail address."),
    ]
    assert outcome.refused == 5


def test_the_history_counts_and_names_nobody(artist: Artist, operator: Viewer) -> None:
    bring(artist, "M-77,ada@example.com\n", operator)
    remove_members(artist=artist, actor=operator, now=NOW)

    brought, removed = AuditEvent.objects.order_by("pk")
    assert (brought.action, brought.target_id, brought.changes["added"]) == (
        "members.import",
        str(artist.pk),
        [None, 1],
    )
    assert (removed.action, removed.changes) == ("members.remove", {"removed": [None, 1]})
    assert "ada" not in str([brought.changes, removed.changes])
    assert members(artist) == {}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no members"),
        (b"number,email\n", "no members"),
        (b"number,email\n,ada@example.com\n", "Line 2: There is no number"),
        ("1,größer@example.com".encode("latin-1"), "not in UTF-8"),
        (b'1,"ada\n', "no CSV file that can be read"),
    ],
)
def test_a_file_without_members_leaves_the_list_alone(
    data: bytes, words: str, artist: Artist, operator: Viewer
) -> None:
    bring(artist, "1,\n", operator)

    with pytest.raises(CannotImportMembers, match=words):
        bring(artist, data, operator, is_whole_list=True)

    assert members(artist) == {"1": ""}


def test_only_whoever_may_edit_the_catalogue_brings_members(artist: Artist, clerk: Staff) -> None:
    with pytest.raises(NotAllowed):
        bring(artist, "1,\n", viewer_of_staff(clerk))
    with pytest.raises(NotAllowed):
        remove_members(artist=artist, actor=viewer_of_staff(clerk), now=NOW)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    before=st.dictionaries(st.integers(1, 20), st.integers(0, 2), max_size=20),
    after=st.dictionaries(st.integers(1, 20), st.integers(0, 2), min_size=1, max_size=20),
    is_whole_list=st.booleans(),
)
def test_any_two_lists_merge_as_two_dictionaries_do(
    before: dict[int, int], after: dict[int, int], is_whole_list: bool, artist: Artist, operator: Viewer
) -> None:
    def text(rows: dict[int, int]) -> str:
        return "".join(f"{number},a{version}@example.com\n" for number, version in rows.items())

    Member.objects.filter(artist=artist).delete()
    if before:
        bring(artist, text(before), operator)

    outcome = bring(artist, text(after), operator, is_whole_list=is_whole_list)

    wanted = after if is_whole_list else {**before, **after}
    assert members(artist) == {str(number): f"a{version}@example.com" for number, version in wanted.items()}
    assert outcome.added == len(after.keys() - before.keys())
    assert outcome.there == len(after.items() & before.items())
    assert outcome.removed == (len(before.keys() - after.keys()) if is_whole_list else 0)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_no_bytes_are_our_fault(data: bytes) -> None:
    try:
        rows = list(members_of(io.BytesIO(data), Outcome()))
    except CannotImportMembers:
        return
    assert all(0 < len(number) <= 64 and "\0" not in number + email for _, number, email in rows)
