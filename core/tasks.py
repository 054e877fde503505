"""The one task of all jobs. A message carries a kind and an id, nothing else."""

from celery import shared_task

from core import jobs


@shared_task(name="core.run_job", ignore_result=True)
def run_job(label: str, pk: str) -> None:
    """Do the work of a job row, if it is there to be claimed."""
    jobs.run(label, pk)
