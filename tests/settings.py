"""The site's own settings in an environment for tests: a temporary folder, no broker, no .env.

The database is SQLite, or CAM_TEST_DATABASE_URL; `python -m tests.e2e.postgres pytest` sets that.
"""

import os
import tempfile
from pathlib import Path

os.environ.update(
    {
        "CAM_DATA_DIR": tempfile.mkdtemp(prefix="cam-tests-"),
        "CAM_DATABASE_URL": os.environ.get("CAM_TEST_DATABASE_URL", ""),
        "CAM_SECRET_KEY": "only-for-tests-" + "0" * 32,
        **dict.fromkeys(
            (
                "ANTHROPIC_API_KEY",
                "CAM_BROWSE_ROOTS",
                "CAM_DEBUG",
                "CAM_EMAIL_FROM",
                "CAM_EMAIL_URL",
                "CAM_HTTPS",
                "CAM_METRICS_DIR",
                "CAM_PUBLIC_URL",
                "CAM_REDIS_URL",
                "CAM_SIGNUP_OPEN",
                "CAM_UPSTREAM_URL",
                "CLAUDE_CODE_OAUTH_TOKEN",
            ),
            "",
        ),
    }
)

from cam_site.settings import *  # noqa: F403
from cam_site.settings import STORAGES

CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
STORAGES = STORAGES | {
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
}
STATIC_ROOT = Path(tempfile.mkdtemp(prefix="cam-tests-static-"))
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
CELERY_BROKER_URL = "memory://"
