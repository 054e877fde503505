"""The chain that seals the audit trail, and the queue of what is not sealed yet."""

import django.db.models.lookups
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('core', '0004_audit_indexes'),
    ]

    operations = [
        migrations.CreateModel(
            name='AuditQueue',
            fields=[
                ('event_id', models.BigIntegerField(primary_key=True, serialize=False)),
            ],
        ),
        migrations.CreateModel(
            name='AuditSeal',
            fields=[
                ('position', models.BigIntegerField(primary_key=True, serialize=False)),
                ('event_id', models.BigIntegerField()),
                ('hash', models.BinaryField()),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('event_id',), name='core_auditseal_event_once'), models.CheckConstraint(condition=models.Q(('position__gte', 1)), name='core_auditseal_position_counts'), models.CheckConstraint(condition=django.db.models.lookups.Exact(models.Func(models.F('hash'), function='octet_length', output_field=models.IntegerField()), 32), name='core_auditseal_hash_whole')],
            },
        ),
    ]
