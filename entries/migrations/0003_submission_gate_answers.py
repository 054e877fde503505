from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('entries', '0002_gates'),
    ]

    operations = [
        migrations.AddField(
            model_name='submission',
            name='gate_answers',
            field=models.JSONField(db_default={}, default=dict, help_text='What each gate said, by its id.'),
        ),
    ]
