import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cam_site.settings")

app = Celery("cam")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# Without this, only the thread that imports us knows which app is current.
app.set_default()
