"""An index of the few assignments that were voided, made without stopping whoever assigns: a trigger looks for them among
millions.
"""

from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("codes", "0002_inventory")]

    operations = [
        AddIndexConcurrently(
            model_name="assignment",
            index=models.Index(
                fields=["hold"], name="codes_assignment_voided", condition=models.Q(("voided", ""), _negated=True)
            ),
        ),
    ]
