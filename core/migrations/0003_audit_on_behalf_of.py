"""Whom a machine acted for. The column has a default in the database, so that running code can go on writing."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("core", "0002_database_rules")]

    operations = [
        migrations.AddField(
            model_name="auditevent",
            name="on_behalf_of",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="For whom a machine acted, as in “staff 12 sue”.",
                max_length=200,
            ),
        ),
    ]
