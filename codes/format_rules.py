"""A pool's rules for its codes: length, alphabet, and a pattern in PostgreSQL's regular expressions.

They are judged by the database alone, in sets, so a pattern means the same when it is set and when it is used.
"""

import re
from collections.abc import Iterator, Mapping, Sequence

from django.db import DataError, OperationalError, connection, transaction

from codes.models import Pool
from codes.staging import refuse
from core.refusal import Refusal

MILLISECONDS = 500
BACK_REFERENCE = re.compile(r"(?<!\\)(?:\\\\)*\\[1-9]")
LONG_TEXT = "A1" * 32
"""As long as a code can be."""


class BadPattern(Refusal):
    """The pattern is no regular expression that codes can be held against."""

    code = "bad_pattern"
    status = 400


def check_pattern(pattern: str) -> None:
    """Refuse what the database does not take as a regular expression; an empty one sets no rule.

    :raises BadPattern: it is none, or refers back to a group, which can take for ever.
    """
    if not pattern:
        return
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{MILLISECONDS}ms"])
            # By itself first: “a)|(b” would only seem to be one once it stands between brackets.
            cursor.execute("SELECT '' ~ %s, %s ~ %s", [pattern, LONG_TEXT, whole(pattern)])
            cursor.execute("SET LOCAL statement_timeout TO DEFAULT")
    except DataError as error:
        raise BadPattern("This is no regular expression: write one like [A-Z]{3}-[0-9]{6}.", field="pattern") from error
    except OperationalError as error:
        raise BadPattern("This pattern takes too long to compare: write a simpler one.", field="pattern") from error
    if BACK_REFERENCE.search(pattern):
        raise BadPattern("The pattern must not refer back to a group, as in \\1.", field="pattern")


def whole(pattern: str) -> str:
    """The pattern for a text as a whole."""
    return f"^(?:{pattern})$"


def refuse_misfits(pools: Mapping[int, Pool]) -> int:
    """Refuse the staged codes that break a rule of the pool they are for; ``pools`` is by the number of the place.

    One pass over the codes, whatever the number of pools.
    """
    cases: list[str] = []
    values: list[int | str] = []
    for number, pool in pools.items():
        for broken, reason, of in _rules(pool):
            cases.append(f"WHEN place = %s AND {broken} THEN %s")
            values += [number, *of, reason]
    if not cases:
        return 0
    reason = f"CASE {' '.join(cases)} END"
    query = f"DELETE FROM codes_staging WHERE {reason} IS NOT NULL RETURNING line, {reason}"  # noqa: S608
    return refuse(query, values * 2)


def _rules(pool: Pool) -> Iterator[tuple[str, str, list[int | str]]]:
    """What breaks each of a pool's rules, in SQL; the reason; and the values of the SQL."""
    if pool.min_length is not None:
        yield (
            "length(value) < %s",
            f"The code is shorter than this pool's {pool.min_length} characters.",
            [pool.min_length],
        )
    if pool.max_length is not None:
        yield (
            "length(value) > %s",
            f"The code is longer than this pool's {pool.max_length} characters.",
            [pool.max_length],
        )
    if pool.alphabet:
        yield "ltrim(value, %s) <> ''", "The code has characters that this pool's codes do not have.", [pool.alphabet]
    if pool.pattern:
        yield "value !~ %s", "The code does not fit this pool's pattern.", [whole(pool.pattern)]


def all_fit(pool: Pool, codes: Sequence[str]) -> bool:
    """Whether a pool takes all of these codes."""
    rules = list(_rules(pool))
    if not rules:
        return True
    broken = " OR ".join(broken for broken, _, _ in rules)
    values = [value for _, _, of in rules for value in of]
    with connection.cursor() as cursor:
        statement = f"SELECT EXISTS (SELECT FROM unnest(%s::text[]) AS value WHERE {broken})"  # noqa: S608
        cursor.execute(statement, [list(codes), *values])
        return not cursor.fetchone()[0]
