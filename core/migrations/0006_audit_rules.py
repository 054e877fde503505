"""Every event waits for its seal from the moment that it is written, and nobody empties or rewrites the trail."""

from django.db import migrations

QUEUE = """
CREATE FUNCTION core_queue_for_sealing() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO core_auditqueue (event_id) VALUES (NEW.id);
    RETURN NULL;
END $$;
CREATE TRIGGER core_auditevent_queued AFTER INSERT ON core_auditevent
FOR EACH ROW EXECUTE FUNCTION core_queue_for_sealing();
INSERT INTO core_auditqueue (event_id) SELECT id FROM core_auditevent
"""
"""The trigger comes first and keeps writers out to the end of this transaction, so that no event falls between."""

SEALS_APPEND_ONLY = """
CREATE TRIGGER core_auditseal_append_only BEFORE UPDATE OR DELETE ON core_auditseal
FOR EACH ROW EXECUTE FUNCTION refuse_change()
"""

NEVER_EMPTIED = """
CREATE TRIGGER {table}_never_emptied BEFORE TRUNCATE ON {table}
FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
"""
"""Tests empty all tables between each other: they switch this one off in their own database."""


class Migration(migrations.Migration):
    dependencies = [("core", "0005_audit_seals")]

    operations = [
        migrations.RunSQL(
            QUEUE, "DROP TRIGGER core_auditevent_queued ON core_auditevent; DROP FUNCTION core_queue_for_sealing()"
        ),
        migrations.RunSQL(SEALS_APPEND_ONLY, "DROP TRIGGER core_auditseal_append_only ON core_auditseal"),
        *(
            migrations.RunSQL(NEVER_EMPTIED.format(table=table), f"DROP TRIGGER {table}_never_emptied ON {table}")
            for table in ("core_auditevent", "core_auditseal")
        ),
    ]
