"""Auditors stand in the trail too. The check is proved without stopping those who write."""

from django.contrib.postgres.operations import AddConstraintNotValid, ValidateConstraint
from django.db import migrations, models

KINDS = ["staff", "fan", "clock", "worker", "machine", "auditor"]


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("core", "0007_kept_answers")]

    operations = [
        migrations.RemoveConstraint(model_name="auditevent", name="core_auditevent_actor_known"),
        AddConstraintNotValid(
            model_name="auditevent",
            constraint=models.CheckConstraint(
                condition=models.Q(("actor_kind__in", KINDS)), name="core_auditevent_actor_known"
            ),
        ),
        ValidateConstraint(model_name="auditevent", name="core_auditevent_actor_known"),
    ]
