"""Taking a submission as a function of the database, whose plan each connection makes once.

Sent as text it took longer to be parsed and planned than to run: 0.98 ms a submission against 0.61 ms, medians of three
thousand by turns on one connection, its commit included; a bare INSERT took 0.31 ms.
"""

from django.db import migrations

TAKE_SUBMISSION = """
CREATE FUNCTION entries_take_submission(
    lock_space integer, ref_lock bigint, to_campaign bigint, member_of bigint, its_ref text, its_identifier text,
    its_email text, its_email_confirmed_at timestamptz, its_person_key bytea, its_name text, its_phone text,
    its_locale text, its_answers jsonb, its_consents jsonb, its_choices smallint[], asked_gates bigint[],
    said_answers text[], said_by_gate jsonb, is_pending boolean, ask_again_at timestamptz, counted_since timestamptz,
    most_waiting integer, taken_at timestamptz
) RETURNS boolean LANGUAGE plpgsql
-- A plan that is made while the tables are empty must be good for the millions of an opening's first minutes.
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
DECLARE
    was_open boolean;
BEGIN
    -- A statement of its own: each statement sees what was committed before it began, so the next one sees what
    -- whoever had the locks before has done. The campaign's lock is shared to the end here, and taken alone by the
    -- close (spec: the draw, step 2); the ref's lets two submissions of one fan through one by one.
    PERFORM pg_advisory_xact_lock_shared(lock_space, to_campaign::integer), pg_advisory_xact_lock(ref_lock);
    WITH open AS (
        SELECT id FROM campaigns_campaign
        WHERE id = to_campaign AND status = 'open' AND (close_at IS NULL OR close_at > taken_at)
    ), allowed AS (
        -- Where the campaign knows fans by their membership, number and address must be those of one member.
        SELECT id FROM open
        WHERE member_of IS NULL OR EXISTS (
            SELECT FROM campaigns_member
            WHERE artist_id = member_of AND number = its_identifier AND email = its_email
        )
    ), entry AS (
        INSERT INTO entries_entry (
            campaign_id, ref, identifier, email, email_confirmed_at, person_key, name, phone, locale_id, answers,
            consents, choices, gates_failed, gates_pending, created_at, updated_at
        )
        SELECT id, its_ref, its_identifier, its_email, its_email_confirmed_at, its_person_key, its_name, its_phone,
               its_locale, its_answers, its_consents, its_choices, false, is_pending, taken_at, taken_at
        FROM allowed
        ON CONFLICT DO NOTHING RETURNING id
    ), told AS (
        INSERT INTO entries_gateanswer (entry_id, gate_id, answer, answered_at, ask_after, attempts)
        SELECT entry.id, gate.id, said.answer, taken_at, CASE WHEN said.answer = 'cannot_say' THEN ask_again_at END, 1
        FROM entry CROSS JOIN unnest(asked_gates, said_answers) AS said (gate, answer)
        JOIN campaigns_gate AS gate ON gate.id = said.gate
    ), waiting AS (
        INSERT INTO entries_submission (
            entry_id, name, phone, locale_id, answers, consents, choices, gate_answers, created_at
        )
        SELECT known.id, its_name, its_phone, its_locale, its_answers, its_consents, its_choices, said_by_gate, taken_at
        FROM allowed JOIN entries_entry AS known ON known.campaign_id = allowed.id AND known.ref = its_ref
        WHERE (SELECT count(*) FROM entries_submission AS earlier
               WHERE earlier.entry_id = known.id AND earlier.created_at > counted_since) < most_waiting
        RETURNING id, entry_id
    ), mailed AS (
        INSERT INTO entries_message (entry_id, kind, submission_id, status, attempts, error, created_at)
        SELECT id, CASE WHEN its_email_confirmed_at IS NULL THEN 'confirmation' ELSE 'receipt' END, NULL, 'queued', 0,
               '', taken_at
        FROM entry
        UNION ALL SELECT entry_id, 'confirmation', id, 'queued', 0, '', taken_at FROM waiting
        RETURNING id
    ), turned_away AS (
        INSERT INTO entries_turnedaway (campaign_id, reason, created_at)
        SELECT id, CASE WHEN EXISTS (SELECT FROM allowed) THEN 'too_many' ELSE 'no_member' END, taken_at
        FROM open WHERE NOT EXISTS (SELECT FROM mailed)
    )
    SELECT EXISTS (SELECT FROM open) INTO was_open;
    RETURN was_open;
END $$
"""
"""Tells whether the campaign was open. ``entries.registration`` calls it, in one round trip and one transaction.

The unique constraint guards the entry. Whatever is known of the fan, something is written: an answer that came without
a write would come sooner. Who changes it puts the whole anew into a migration of its own, with CREATE OR REPLACE.
"""


class Migration(migrations.Migration):
    dependencies = [("entries", "0006_phone_indexes")]

    operations = [migrations.RunSQL(TAKE_SUBMISSION, "DROP FUNCTION entries_take_submission")]
