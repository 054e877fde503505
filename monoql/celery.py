"""The Celery application. The broker is only a hint: the truth about work is its job row (``core.jobs``)."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "monoql.settings")

from django.conf import settings

app = Celery("monoql", broker=settings.BROKER_URL)
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    task_default_queue=f"{settings.QUEUE_PREFIX}monoql",
    worker_prefetch_multiplier=1,
    worker_hijack_root_logger=False,
    worker_cancel_long_running_tasks_on_connection_loss=False,
    broker_connection_retry_on_startup=True,
    broker_transport_options={
        "global_keyprefix": settings.QUEUE_PREFIX,
        # A hint that nobody acknowledged may come again: a job row is claimed once, whoever is told of it.
        "visibility_timeout": 3600,
        "socket_timeout": 5,
        "socket_connect_timeout": 2,
        "max_retries": 1,
    },
    timezone="UTC",
)
app.autodiscover_tasks()
