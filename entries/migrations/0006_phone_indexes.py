"""Indexes on the tables that hold millions of rows, made without stopping writers."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

MISSING = models.Q(
    blocked_at__isnull=True,
    email_confirmed_at__isnull=False,
    phone_confirmed_at__isnull=True,
    phone_reminded_at__isnull=True,
    withdrawn_at__isnull=True,
) & ~models.Q(phone="")


def unique_concurrently(
    model_name: str, table: str, columns: str, where: str, constraint: models.UniqueConstraint
) -> migrations.SeparateDatabaseAndState:
    """A partial unique constraint, which PostgreSQL keeps as an index; Django itself would lock the table for it."""
    name = constraint.name
    return migrations.SeparateDatabaseAndState(
        database_operations=[
            migrations.RunSQL(
                [
                    # One that was broken off leaves an invalid index behind.
                    f"DROP INDEX CONCURRENTLY IF EXISTS {name}",
                    f"CREATE UNIQUE INDEX CONCURRENTLY {name} ON {table} ({columns}) WHERE {where}",
                ],
                f"DROP INDEX CONCURRENTLY IF EXISTS {name}",
            )
        ],
        state_operations=[migrations.AddConstraint(model_name=model_name, constraint=constraint)],
    )


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("entries", "0005_phone")]

    operations = [
        AddIndexConcurrently(
            model_name="entry",
            index=models.Index(
                condition=MISSING, fields=["campaign", "email_confirmed_at"], name="entries_entry_phone_missing"
            ),
        ),
        unique_concurrently(
            "entry",
            "entries_entry",
            "campaign_id, phone",
            "phone_confirmed_at IS NOT NULL AND NOT (phone = '')",
            models.UniqueConstraint(
                name="entries_entry_phone_once",
                fields=["campaign", "phone"],
                condition=models.Q(phone_confirmed_at__isnull=False) & ~models.Q(phone=""),
            ),
        ),
        unique_concurrently(
            "message",
            "entries_message",
            "entry_id",
            "kind = 'reminder'",
            models.UniqueConstraint(
                name="entries_message_one_reminder", fields=["entry"], condition=models.Q(kind="reminder")
            ),
        ),
    ]
