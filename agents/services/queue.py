from celery import current_app
from django.db import transaction


def enqueue(task_name: str, key: int | str, *, app: str = "agents") -> None:
    """Hand a task of an app's `tasks` to a worker once the rows are there.

    A broker that is down loses the message, not the work: a task on the beat finds the rows.
    """
    transaction.on_commit(
        lambda: current_app.send_task(f"{app}.tasks.{task_name}", [key]), robust=True
    )
