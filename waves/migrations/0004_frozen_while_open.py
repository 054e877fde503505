from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("waves", "0003_trigger_and_audience"),
    ]

    operations = [
        migrations.AddField(
            model_name="draw",
            name="frozen_while_open",
            field=models.BooleanField(
                db_default=False, default=False, help_text="Fans could still register when it was frozen."
            ),
        ),
    ]
