"""Indexes of the few mails that were given up or may have gone out twice, made without stopping senders."""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("entries", "0010_register_after_erasure")]

    operations = [
        AddIndexConcurrently(
            model_name="message",
            index=models.Index(
                fields=["wave_id", "id"], name="entries_message_failed", condition=models.Q(status="failed")
            ),
        ),
        AddIndexConcurrently(
            model_name="message",
            index=models.Index(
                fields=["wave_id", "id"], name="entries_message_doubtful", condition=models.Q(is_doubtful=True)
            ),
        ),
    ]
