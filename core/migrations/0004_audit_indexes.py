"""What the history's filters ask for, made without stopping writers."""

from django.contrib.postgres.indexes import BrinIndex
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("core", "0003_audit_on_behalf_of")]

    operations = [
        AddIndexConcurrently(
            model_name="auditevent",
            index=models.Index(fields=["campaign_id", "actor_kind", "-id"], name="core_audit_by_kind"),
        ),
        AddIndexConcurrently(
            model_name="auditevent",
            index=models.Index(fields=["campaign_id", "actor_label", "-id"], name="core_audit_by_actor"),
        ),
        AddIndexConcurrently(
            model_name="auditevent",
            index=BrinIndex(fields=["at"], name="core_audit_by_time", pages_per_range=16),
        ),
    ]
