"""Taking a submission where the fan's entry was erased: it takes the place of what was emptied, under the same ref."""

from importlib import import_module

from django.db import migrations

before = import_module("entries.migrations.0007_take_submission")
CREATE = before.TAKE_SUBMISSION.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
EMPTIED = """), emptied AS (
        UPDATE entries_entry AS known
        SET identifier = its_identifier, email = its_email, email_confirmed_at = its_email_confirmed_at,
            person_key = its_person_key, name = its_name, phone = its_phone, locale_id = its_locale,
            answers = its_answers, consents = its_consents, choices = its_choices, gates_pending = is_pending,
            phone_reminded_at = NULL, erased_at = NULL, withdrawn_at = NULL, created_at = taken_at,
            updated_at = taken_at
        FROM allowed WHERE known.campaign_id = allowed.id AND known.ref = its_ref AND known.erased_at IS NOT NULL
        RETURNING known.id
    ), made AS (
        INSERT INTO entries_entry ("""
ERASED = (
    CREATE.replace("), entry AS (\n        INSERT INTO entries_entry (", EMPTIED)
    .replace(
        "        FROM allowed\n        ON CONFLICT DO NOTHING RETURNING id\n    ), told",
        "        FROM allowed WHERE NOT EXISTS (SELECT FROM emptied)\n        ON CONFLICT DO NOTHING RETURNING id\n"
        "    ), entry AS (\n        SELECT id FROM emptied UNION ALL SELECT id FROM made\n    ), told",
    )
    .replace("known.ref = its_ref\n        WHERE (", "known.ref = its_ref\n        WHERE known.erased_at IS NULL AND (")
)


class Migration(migrations.Migration):
    dependencies = [("entries", "0009_leaving")]

    operations = [migrations.RunSQL(ERASED, CREATE)]
