"""What workers do about costs: the mails. Repeatable, by key only; a row that is gone is quiet."""

from celery import shared_task
from django.utils import timezone

from metrics_app import mails


@shared_task
def make_monthly_reports() -> None:
    mails.make_monthly_reports(timezone.now())


@shared_task
def send_due_mails() -> None:
    mails.enqueue_due_mails(timezone.now())


@shared_task
def send_cost_mail(mail_id: int) -> None:
    mails.deliver(mail_id, timezone.now())
