"""What a wave's sending must remember over pauses and restarts."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("waves", "0005_trigger_times")]

    operations = [
        migrations.AddField(
            model_name="notification",
            name=name,
            field=models.DateTimeField(blank=True, editable=False, null=True, help_text=help_text),
        )
        for name, help_text in (
            ("selected_queued_at", "When there was a message for each fan with a code."),
            ("not_selected_queued_at", "When there was one for each fan who was not chosen."),
            ("paced_until", "No mail before, where the wave sends so many a minute."),
            ("away_since", "Since when the mail server takes no mail."),
        )
    ] + [
        migrations.AddField(
            model_name="notification",
            name="done_before",
            field=models.BigIntegerField(
                db_default=0, default=0, editable=False, help_text="Mails that were done when this worker began."
            ),
        ),
    ]
