"""What an export holds: each dataset is one query, in one order, with the columns that staff know."""

from dataclasses import dataclass
from typing import Any

from exports.models import Export
from waves.selection import SELECTION_QUERY

ENTRIES_QUERY = """
    SELECT entry.ref, entry.email, entry.name, entry.phone, entry.locale_id AS locale,
           array_to_string(ARRAY(
               SELECT market.code FROM unnest(entry.choices) WITH ORDINALITY AS choice (number, place)
               JOIN campaigns_market AS market
                 ON market.campaign_id = entry.campaign_id AND market.number = choice.number
               ORDER BY choice.place
           ), '|') AS choices,
           entry.answers - %s::text[] AS answers, coalesce(score.score, 0) AS score,
           CASE WHEN entry.withdrawn_at IS NOT NULL THEN 'withdrawn' WHEN entry.blocked_at IS NOT NULL THEN 'blocked'
                WHEN entry.email_confirmed_at IS NULL THEN 'unconfirmed' ELSE 'confirmed' END AS status,
           to_char(entry.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS created_at
    FROM entries_entry AS entry
    LEFT JOIN entries_scorerun AS run ON run.campaign_id = entry.campaign_id AND run.is_current
    LEFT JOIN entries_score AS score ON score.run_id = run.id AND score.entry_id = entry.id
    WHERE entry.campaign_id = %s ORDER BY entry.ref
"""

PERSONAL = frozenset({"email", "name", "phone"})


@dataclass(frozen=True)
class Dataset:
    """A query with its values, the columns that people typed (a spreadsheet must not run them as formulas), and those
    that are masked."""

    query: str
    parameters: list[Any]
    columns: tuple[str, ...]
    typed: frozenset[str]
    masked: frozenset[str]


def dataset_of(export: Export) -> Dataset:
    """The dataset that an export asks for. Where it is masked, answers to personal questions are left out."""
    masked = PERSONAL if export.is_masked else frozenset[str]()
    if export.dataset == Export.Dataset.SELECTION:
        return Dataset(
            query=SELECTION_QUERY,
            parameters=[export.wave_id],
            columns=("ref", "email", "name", "market", "event", "choice", "position", "code", "date_key"),
            typed=frozenset({"email", "name"}),
            masked=masked,
        )
    return Dataset(
        query=ENTRIES_QUERY,
        parameters=[_hidden_answers(export), export.campaign_id],
        columns=("ref", "email", "name", "phone", "locale", "choices", "answers", "score", "status", "created_at"),
        typed=frozenset({"email", "name", "answers"}),
        masked=masked,
    )


def _hidden_answers(export: Export) -> list[str]:
    if not export.is_masked:
        return []
    return list(export.campaign.fields.filter(is_personal=True).order_by("key").values_list("key", flat=True))
