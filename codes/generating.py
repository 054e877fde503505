"""Making codes here, in place of a file: random letters that nobody can guess, and that nobody misreads.

The database says which of them are new, so what is made is made until the count is reached.
"""

import os
import re
from collections.abc import Mapping
from datetime import datetime

import numpy as np
from django.db import connection, transaction
from django.utils import timezone

from campaigns.lifecycle import check_unfinished
from codes.adding import write_result
from codes.format_rules import all_fit, refuse_misfits
from codes.models import Pool, Upload
from codes.staging import Refusals, joined_in_sets, make_tables, refuse_repeated
from codes.storing import insert_sorted, sort_staged
from codes.upload import CannotUpload, record_upload
from core import jobs
from core.bulk import copy_into
from core.jobs import Claim, PermanentFailure
from core.locks import Space, lock_exclusive
from viewers.permissions import Action, require
from viewers.viewer import Viewer

MOST_CODES = 2_000_000
SHORTEST, LONGEST = 6, 32
MOST_IN_PREFIX = 24
ALPHABETS = {
    "mixed": "23456789CDFGHJKMNPQRTVWX",
    "letters": "BCDFGHJKMNPQRSTVWXZ",
    "digits": "23456789",
}
"""Without look-alikes (0 O, 1 I L, 2 Z, 5 S, 8 B, U V, Y), and without vowels: no code is a word, a month or 1E5."""
POSSIBLE_FOR_EACH = 1_000
"""So many codes must be possible for each that is made, so that guessing does not pay."""
SAMPLE = 1_000
AT_ONCE = 100_000
MOST_ROUNDS = 50
PREFIX = re.compile(r"(?:[A-Z0-9][A-Z0-9._-]*)?")


def start_generating(
    *,
    pool: Pool,
    count: int,
    length: int,
    actor: Viewer,
    now: datetime,
    prefix: str = "",
    alphabet: str = "mixed",
) -> Upload:
    """Queue the making of so many codes: a prefix, then ``length`` random letters.

    :raises CannotUpload: too many or too few are asked, too few are possible, or the pool's rules do not fit them.
    """
    require(actor, Action.MANAGE_CODES, pool.campaign_id)
    check_unfinished(pool.campaign)
    prefix = prefix.strip().upper()
    _check(count=count, length=length, prefix=prefix, alphabet=alphabet)
    _check_pool(pool, prefix=prefix, length=length, alphabet=alphabet)
    upload = Upload(
        campaign_id=pool.campaign_id,
        kind=Upload.Kind.GENERATED,
        pool=pool,
        code_type=pool.code_type,
        shape={"count": count, "length": length, "prefix": prefix, "alphabet": alphabet},
        file_name=f"{count:,} codes made here",
        uploaded_by=actor.label,
    )
    with transaction.atomic():
        upload.save(force_insert=True)
        record_upload(upload, "codes.generate", actor=actor, now=now, count=count, length=length, alphabet=alphabet)
        jobs.enqueue(upload)
    return upload


def _check(*, count: int, length: int, prefix: str, alphabet: str) -> None:
    if not 1 <= count <= MOST_CODES:
        raise CannotUpload(f"Make 1 to {MOST_CODES:,} codes at once.", field="count")
    if not SHORTEST <= length <= LONGEST:
        raise CannotUpload(f"Take {SHORTEST} to {LONGEST} random letters.", field="length")
    if len(prefix) > MOST_IN_PREFIX or not PREFIX.fullmatch(prefix):
        raise CannotUpload(
            f"A prefix has at most {MOST_IN_PREFIX} letters, digits, dots, hyphens and underscores, "
            "and begins with a letter or a digit.",
            field="prefix",
        )
    if alphabet not in ALPHABETS:
        raise CannotUpload(f"Choose one of {', '.join(ALPHABETS)}.", field="alphabet")
    if len(ALPHABETS[alphabet]) ** length < count * POSSIBLE_FOR_EACH:
        raise CannotUpload(
            f"So short a code could be guessed: {count:,} codes need at least "
            f"{shortest_for(count, alphabet)} random letters.",
            field="length",
        )


def shortest_for(count: int, alphabet: str) -> int:
    """How many random letters so many codes need at least."""
    length = SHORTEST
    while len(ALPHABETS[alphabet]) ** length < count * POSSIBLE_FOR_EACH:
        length += 1
    return length


def _check_pool(pool: Pool, *, prefix: str, length: int, alphabet: str) -> None:
    """Refuse codes that the pool's own rules would refuse.

    :raises CannotUpload: one of a thousand does not fit.
    """
    sample = random_codes(SAMPLE, prefix=prefix, length=length, alphabet=alphabet)
    if not all_fit(pool, sample):
        raise CannotUpload(
            "Codes like these do not fit the pool's own rules: change their length, prefix or letters.", field="length"
        )


def random_codes(count: int, *, prefix: str, length: int, alphabet: str) -> list[str]:
    """So many codes from the system's secure source; each letter is as likely as any other, and some may repeat."""
    letters = np.frombuffer(ALPHABETS[alphabet].encode(), dtype=np.uint8)
    limit = 256 - 256 % len(letters)  # A byte beyond it would make the first letters more likely.
    wanted, parts, found = count * length, [], 0
    while found < wanted:
        drawn = np.frombuffer(os.urandom((wanted - found) * 256 // limit + 64), dtype=np.uint8)
        parts.append(drawn[drawn < limit])
        found += len(parts[-1])
    text = letters[np.concatenate(parts)[:wanted] % len(letters)].tobytes().decode("ascii")
    return [prefix + text[start : start + length] for start in range(0, wanted, length)]


def generate(claim: Claim[Upload]) -> None:
    """Make the codes of an upload and add them to its pool.

    :raises PermanentFailure: the pool's rules let too few of them pass.
    """
    upload = claim.job
    pool, count = upload.pool, int(upload.shape["count"])
    if pool is None:
        raise PermanentFailure("The pool of these codes is gone.")
    claim.enter("making", total=count)
    with claim.transaction():
        make_tables()
        lock_exclusive(Space.CODES, upload.campaign_id)
        pool.refresh_from_db()
        pools, there = {0: pool}, 0
        for number in range(MOST_ROUNDS):
            _stage(claim, there, count, first_line=number * count)
            there = _thin_out(pools)
            if there == count:
                break
        else:
            raise PermanentFailure("The pool's rules let too few of these codes pass: change them or the codes.")
        sort_staged()
        now = timezone.now()
        added = insert_sorted(claim, pools, now=now)
        write_result(claim, count, added=added, already_there={}, refusals=Refusals(0, 0, [], ""), now=now)


def _stage(claim: Claim[Upload], there: int, count: int, *, first_line: int) -> None:
    """Stage as many random codes as are missing, each with a line of its own."""
    how = {name: claim.job.shape[name] for name in ("prefix", "length", "alphabet")}
    with copy_into("codes_staging", ["line", "place", "value"]) as copy:
        while there < count:
            codes = random_codes(min(AT_ONCE, count - there), **how)
            lines = enumerate(codes, start=first_line + there)
            copy.write("".join(f"{line}\t0\t{code}\n" for line, code in lines))
            there += len(codes)
            claim.progress(there)


def _thin_out(pools: Mapping[int, Pool]) -> int:
    """Take out what repeats itself, what the campaign has, and what the pool does not take; give how many are left."""
    refuse_misfits(pools)
    refuse_repeated()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE codes_staging")
        cursor.execute("SELECT sum(size) FROM codes_pool WHERE campaign_id = %s", [pools[0].campaign_id])
        with joined_in_sets(cursor, "codes_staging", int(cursor.fetchone()[0])):
            cursor.execute(
                "DELETE FROM codes_staging USING codes_code AS code "
                "WHERE code.campaign_id = %s AND code.value = codes_staging.value",
                [pools[0].campaign_id],
            )
        cursor.execute("SELECT count(*) FROM codes_staging")
        return int(cursor.fetchone()[0])
