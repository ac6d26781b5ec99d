"""The site's own settings for benchmarks that make pages in their own process: no collected static files."""

from cam_site.settings import *  # noqa: F403
from cam_site.settings import CAM_DATA_DIR, LOGGING, STORAGES

STATIC_ROOT = CAM_DATA_DIR
STORAGES = STORAGES | {
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
}
LOGGING = LOGGING | {"root": {"handlers": ["console"], "level": "ERROR"}}
