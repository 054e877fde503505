"""Mails that tell of one code: given by hand, replaced, taken back. The checks are proved without stopping writers."""

from django.contrib.postgres.operations import AddConstraintNotValid, ValidateConstraint
from django.db import migrations, models

KINDS = [
    "confirmation",
    "receipt",
    "selected",
    "not_selected",
    "link",
    "reminder",
    "given",
    "replaced",
    "taken_back",
]
OF_CODES = ["given", "replaced", "taken_back"]


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("entries", "0007_take_submission")]

    operations = [
        migrations.AddField(
            model_name="message",
            name="hold_id",
            field=models.BigIntegerField(
                blank=True, help_text="Where it tells of one code of hers: the hold that has it.", null=True
            ),
        ),
        migrations.AlterField(
            model_name="message",
            name="kind",
            field=models.CharField(
                choices=[
                    ("confirmation", "confirmation"),
                    ("receipt", "receipt"),
                    ("selected", "selected"),
                    ("not_selected", "not selected"),
                    ("link", "link"),
                    ("reminder", "reminder"),
                    ("given", "code given by hand"),
                    ("replaced", "code replaced"),
                    ("taken_back", "code taken back"),
                ],
                max_length=12,
            ),
        ),
        migrations.RemoveConstraint(model_name="message", name="entries_message_kind_known"),
        AddConstraintNotValid(
            model_name="message",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", KINDS)), name="entries_message_kind_known"
            ),
        ),
        AddConstraintNotValid(
            model_name="message",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("hold_id__isnull", False), ("kind__in", OF_CODES)),
                    models.Q(models.Q(("kind__in", OF_CODES), _negated=True), ("hold_id__isnull", True)),
                    _connector="OR",
                ),
                name="entries_message_hold_of_codes",
            ),
        ),
        ValidateConstraint(model_name="message", name="entries_message_kind_known"),
        ValidateConstraint(model_name="message", name="entries_message_hold_of_codes"),
    ]
