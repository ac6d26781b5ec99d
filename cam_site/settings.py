"""Django settings. What a site may change is an environment variable, also read from `.env`.

docs/settings.md lists every one; a test keeps the two in step.
"""

from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

import environ
from celery.schedules import crontab
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from cam_site import env
from cam_site.databases import SCHEMES as DATABASE_SCHEMES
from cam_site.databases import config_of
from cam_site.env import read
from voice_app.whisper import ModelName

BASE_DIR = Path(__file__).resolve().parent.parent
environ.Env.read_env(str(BASE_DIR / ".env"))

# Where things live
CAM_DATA_DIR = read("CAM_DATA_DIR", env.path_under(BASE_DIR), "data")
CAM_METRICS_DIR = read("CAM_METRICS_DIR", env.path_under(BASE_DIR), str(CAM_DATA_DIR / "usage"))
CAM_SPOOL_KEEP_DAYS = read("CAM_SPOOL_KEEP_DAYS", env.integer(at_least=1, at_most=3650), "30")
CAM_EGRESS_KEEP_DAYS = read("CAM_EGRESS_KEEP_DAYS", env.integer(at_least=1, at_most=3650), "30")
CAM_EGRESS_DIR = CAM_DATA_DIR / "gateway" / "egress"
CAM_POLICY_DIR = CAM_DATA_DIR / "gateway" / "policy"
CAM_SOCKETS_DIR = CAM_DATA_DIR / "gateway" / "sockets"
CAM_VOICE_DIR = CAM_DATA_DIR / "voice"
CAM_MANAGED_SETTINGS_DIR = CAM_DATA_DIR / "managed-settings"
CAM_HEARTBEAT_DIR = CAM_DATA_DIR / "heartbeats"
CAM_GATEWAY_HEARTBEAT = CAM_DATA_DIR / "gateway" / "heartbeat"
CAM_GATEWAY_PUBLIC_DIR = CAM_DATA_DIR / "gateway" / "public"

# The web server
DEBUG = read("CAM_DEBUG", env.boolean, "false")
CAM_HOST = read("CAM_HOST", env.text, "127.0.0.1")
CAM_PORT = read("CAM_PORT", env.integer(at_least=1, at_most=65535), "8420")
CAM_HTTPS = read("CAM_HTTPS", env.boolean, "false")
SECRET_KEY = read("CAM_SECRET_KEY", env.text, "")
if len(SECRET_KEY) < 32:
    raise ImproperlyConfigured(
        "CAM_SECRET_KEY: set at least 32 random characters; ./install.sh writes one to .env"
    )
ALLOWED_HOSTS = read("CAM_ALLOWED_HOSTS", env.some_words, "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = read("CAM_TRUSTED_ORIGINS", env.origins, "")

# Mail
EMAIL_SERVER = read("CAM_EMAIL_URL", env.mail_server, "consolemail://")
EMAIL_BACKEND = EMAIL_SERVER["EMAIL_BACKEND"]
EMAIL_HOST = EMAIL_SERVER["EMAIL_HOST"]
EMAIL_PORT = EMAIL_SERVER["EMAIL_PORT"]
EMAIL_HOST_USER = EMAIL_SERVER["EMAIL_HOST_USER"]
EMAIL_HOST_PASSWORD = EMAIL_SERVER["EMAIL_HOST_PASSWORD"]
EMAIL_USE_TLS = EMAIL_SERVER.get("EMAIL_USE_TLS", False)
EMAIL_USE_SSL = EMAIL_SERVER.get("EMAIL_USE_SSL", False)
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = read("CAM_EMAIL_FROM", env.mail_sender, "CAM <cam@localhost>")
CAM_PUBLIC_URL = read("CAM_PUBLIC_URL", env.origin, f"http://localhost:{CAM_PORT}")

# Agents
# Containers are found, and orphans removed, by this name: two installations must not share one.
CAM_NODE_NAME = read(
    "CAM_NODE_NAME",
    env.matching(r"[A-Za-z0-9_.-]{1,60}", "letters, digits, _ . and -, at most 60"),
    f"local-{sha256(str(CAM_DATA_DIR).encode()).hexdigest()[:8]}",
)
CAM_AGENT_IMAGE = read(
    "CAM_AGENT_IMAGE",
    env.matching(r"[a-z0-9][A-Za-z0-9._/:@-]{0,254}", "an image's name such as cam-agent:latest"),
    "cam-agent:latest",
)
CAM_AGENT_SECCOMP_PROFILE = read(
    "CAM_AGENT_SECCOMP_PROFILE", env.json_file(BASE_DIR), "agent_image/seccomp.json"
)
CAM_AGENT_APPARMOR_PROFILE = read("CAM_AGENT_APPARMOR_PROFILE", env.text, "")
CAM_AGENT_MEMORY_MB = read(
    "CAM_AGENT_MEMORY_MB", env.integer(at_least=256, at_most=1 << 20), "4096"
)
CAM_AGENT_CPUS = read("CAM_AGENT_CPUS", env.number(at_least=0.1, at_most=1024), "2")
CAM_AGENT_PIDS = read("CAM_AGENT_PIDS", env.integer(at_least=32, at_most=1 << 22), "512")
CAM_BROWSE_ROOTS = read("CAM_BROWSE_ROOTS", env.directories, str(CAM_DATA_DIR / "workspaces"))
CAM_ALLOWED_TOOLS = read(
    "CAM_ALLOWED_TOOLS",
    env.words,
    "Read,Glob,Grep,WebFetch,WebSearch,Bash(cat:*),Bash(ls:*),Bash(head:*),Bash(tail:*),"
    "Bash(wc:*),Bash(grep:*),Bash(rg:*),Bash(pwd),Bash(git status:*),Bash(git log:*),"
    "Bash(git diff:*),Bash(ruff check:*),Bash(mypy:*),Bash(eslint:*),Bash(pytest:*),"
    "Bash(python3 -m pytest:*),Bash(npm test:*),Bash(cargo test:*),Bash(go test:*)",
)
CAM_ASK_TOOLS = read("CAM_ASK_TOOLS", env.words, "Edit,Write,NotebookEdit")
CAM_EDIT_TOOLS = read("CAM_EDIT_TOOLS", env.words, "Edit,Write,NotebookEdit")
CAM_MODELS = read(
    "CAM_MODELS", env.model_names, "claude-opus-5-5,claude-sonnet-5-5,claude-haiku-4-5"
)
CAM_MAX_AGENTS_PER_USER = read(
    "CAM_MAX_AGENTS_PER_USER", env.integer(at_least=1, at_most=10_000), "20"
)
CAM_DRAINING = read("CAM_DRAINING", env.boolean, "false")

# The model API and the gateway
ANTHROPIC_API_KEY = read("ANTHROPIC_API_KEY", env.secret, "")
CLAUDE_CODE_OAUTH_TOKEN = read("CLAUDE_CODE_OAUTH_TOKEN", env.secret, "")
CAM_DEMO_API_PORT = read("CAM_DEMO_API_PORT", env.integer(at_least=1, at_most=65535), "8422")
CAM_DEMO_API_PACE = read("CAM_DEMO_API_PACE", env.number(at_least=0, at_most=1e6), "40")
CAM_UPSTREAM_URL = read("CAM_UPSTREAM_URL", env.model_api, "https://api.anthropic.com")
# Only the gateway has the credentials where each process has a container of its own.
CAM_DEMO_MODE = read(
    "CAM_DEMO_MODE",
    env.boolean,
    str(
        not ANTHROPIC_API_KEY
        and not CLAUDE_CODE_OAUTH_TOKEN
        and urlsplit(CAM_UPSTREAM_URL).hostname == "api.anthropic.com"
    ),
)
if CAM_DEMO_MODE:
    CAM_UPSTREAM_URL = f"http://127.0.0.1:{CAM_DEMO_API_PORT}"
CAM_EGRESS_HOSTS = read(
    "CAM_EGRESS_HOSTS",
    env.host_patterns,
    "pypi.org,files.pythonhosted.org,registry.npmjs.org",
)
CAM_PRIVATE_HOSTS = read("CAM_PRIVATE_HOSTS", env.host_patterns, "")
CAM_DNS_SERVERS = read("CAM_DNS_SERVERS", env.ip_addresses, "")
CAM_GATEWAY_PORT = read("CAM_GATEWAY_PORT", env.integer(at_least=0, at_most=65535), "0")
CAM_GATEWAY_PYTHON = read(
    "CAM_GATEWAY_PYTHON", env.path_under(BASE_DIR), str(BASE_DIR / ".venv-gateway/bin/python")
)

# Speech
CAM_WHISPER_MODEL = read("CAM_WHISPER_MODEL", env.choice(*ModelName), "base")
CAM_WHISPER_LANGUAGE = read(
    "CAM_WHISPER_LANGUAGE",
    env.matching(r"auto|[a-z]{2,3}", "auto, or a language's code such as en"),
    "auto",
)
CAM_VOICE_AUTO_SEND = read("CAM_VOICE_AUTO_SEND", env.boolean, "false")
CAM_VOICE_SILENCE_THRESHOLD_MS = read(
    "CAM_VOICE_SILENCE_THRESHOLD_MS", env.integer(at_least=200, at_most=30_000), "1500"
)
CAM_VOICE_MAX_SECONDS = read("CAM_VOICE_MAX_SECONDS", env.integer(at_least=5, at_most=7200), "600")
CAM_VOICE_MAX_MB = read("CAM_VOICE_MAX_MB", env.integer(at_least=1, at_most=500), "25")
CAM_VOICE_KEEP_MINUTES = read(
    "CAM_VOICE_KEEP_MINUTES", env.integer(at_least=0, at_most=525_600), "0"
)
CAM_WHISPER_DIR = read("CAM_WHISPER_DIR", env.path_under(BASE_DIR), str(CAM_DATA_DIR / "whisper"))
CAM_WHISPER_THREADS = read("CAM_WHISPER_THREADS", env.integer(at_least=0, at_most=256), "0")
CAM_WHISPER_IDLE_MINUTES = read(
    "CAM_WHISPER_IDLE_MINUTES", env.number(at_least=0.01, at_most=100_000), "15"
)

# Notifications
CAM_NOTIFICATION_KEEP_DAYS = read(
    "CAM_NOTIFICATION_KEEP_DAYS", env.integer(at_least=1, at_most=3650), "30"
)
CAM_NOTIFY_PRIVATE_HOSTS = read("CAM_NOTIFY_PRIVATE_HOSTS", env.host_patterns, "")
CAM_MAY_NOTIFY = env.reachable(CAM_NOTIFY_PRIVATE_HOSTS)
CAM_VAPID_PRIVATE_KEY = read("CAM_VAPID_PRIVATE_KEY", env.vapid_key, "")
CAM_ENCRYPTION_KEYS = read("CAM_ENCRYPTION_KEYS", env.encryption_keys, "")

# Accounts
CAM_SIGNUP_OPEN = read("CAM_SIGNUP_OPEN", env.boolean, "false")

INSTALLED_APPS = [
    "daphne",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "channels",
    "csp",
    "django_celery_beat",
    "django_htmx",
    "ninja",
    "template_partials",
    "agents",
    "metrics_app",
    "voice_app",
]

MIDDLEWARE = [
    "cam_site.health.HealthMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
]

ROOT_URLCONF = "cam_site.urls"
ASGI_APPLICATION = "cam_site.asgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "cam_site.context_processors.site",
            ],
        },
    },
    # Mails in plain text, where an escaped `&amp;` would be wrong. It finds nothing but mails.
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "NAME": "plain_text",
        "DIRS": [BASE_DIR / "templates" / "metrics_app" / "mail"],
        "OPTIONS": {"autoescape": False},
    },
]

# Data
DATABASES = {
    "default": config_of(
        read(
            "CAM_DATABASE_URL",
            env.url(*DATABASE_SCHEMES),
            f"sqlite:///{CAM_DATA_DIR / 'cam.sqlite3'}",
        )
    )
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CAM_REDIS_URL = read(
    "CAM_REDIS_URL",
    env.url("redis", "rediss", "unix"),
    f"unix://{CAM_DATA_DIR / 'valkey.sock'}",
)
CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        "CONFIG": {"hosts": [CAM_REDIS_URL]},
    }
}

CELERY_BROKER_URL = CAM_REDIS_URL.replace("unix://", "redis+socket://", 1)
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_TIME_LIMIT = 180
CELERY_TASK_SOFT_TIME_LIMIT = 150
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# A web request must not hang on a broker that is down: the reconciliation starts what was lost.
CELERY_BROKER_TRANSPORT_OPTIONS = {"socket_connect_timeout": 2, "max_retries": 1}
CELERY_TASK_PUBLISH_RETRY = False
# Speech has a worker of its own: the model stays warm there, and no start of an agent waits for a long recording.
CELERY_TASK_ROUTES = {
    "voice_app.tasks.transcribe": {"queue": "voice"},
    "voice_app.tasks.listen_so_far": {"queue": "voice"},
}
CELERY_BEAT_SCHEDULER = "cam_site.beat:PatientScheduler"
CELERY_BEAT_SCHEDULE = {
    "recover-lost-work": {"task": "agents.tasks.recover_lost_work", "schedule": 30.0},
    "make-monthly-reports": {
        "task": "metrics_app.tasks.make_monthly_reports",
        "schedule": crontab(hour=5, minute=10),
    },
    "send-due-dispatches": {"task": "agents.tasks.send_due_dispatches", "schedule": 15.0},
    "forget-notifications": {
        "task": "agents.tasks.forget_notifications",
        "schedule": crontab(minute=25),
    },
    "forget-leftovers": {
        "task": "agents.tasks.forget_leftovers",
        "schedule": crontab(minute=35),
    },
    "tidy-recordings": {"task": "voice_app.tasks.tidy_recordings", "schedule": 30.0},
    "send-due-mails": {"task": "metrics_app.tasks.send_due_mails", "schedule": 60.0},
}

# Accounts
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
ACCOUNT_ADAPTER = "cam_site.accounts.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "email", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_LOGOUT_ON_GET = False
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"
ACCOUNT_LOGOUT_REDIRECT_URL = "account_login"
# Addresses are not verified here, so that cannot be asked for before a second factor.
MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]

# Pages
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "cam_site" / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False

# Security
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "connect-src": [SELF],
        "font-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
SECURE_REFERRER_POLICY = "same-origin"
if CAM_HTTPS:
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    SECURE_SSL_REDIRECT = True
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    # Who tries passwords is counted by the address that the one proxy in front saw.
    ALLAUTH_TRUSTED_PROXY_COUNT = 1
# HSTS for sub-domains and browsers' preload lists are for the owner of the whole domain to promise.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
DATA_UPLOAD_MAX_MEMORY_SIZE = 2_500_000

CAM_LOG_FORMAT = read("CAM_LOG_FORMAT", env.choice("text", "json"), "text")
LOG_SECRETS = [
    *(SECRET_KEY, ANTHROPIC_API_KEY, CLAUDE_CODE_OAUTH_TOKEN, EMAIL_HOST_PASSWORD or ""),
    *(DATABASES["default"]["PASSWORD"] or "", urlsplit(CAM_REDIS_URL).password or ""),
]
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "text": {"()": "cam_site.logs.TextLines", "secrets": LOG_SECRETS},
        "json": {"()": "cam_site.logs.JsonLines", "secrets": LOG_SECRETS},
    },
    "filters": {"brief_outage": {"()": "cam_site.logs.BriefOutage"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": CAM_LOG_FORMAT}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        name: {"filters": ["brief_outage"]}
        for name in ("django.request", "django_celery_beat.schedulers", "celery.app.trace")
    },
}

# Cost
CAM_COST_TOLERANCE_USD = read(
    "CAM_COST_TOLERANCE_USD", env.number(at_least=0, at_most=1000), "0.000001"
)
CAM_BUDGET_HOLD_USD = read(
    "CAM_BUDGET_HOLD_USD", env.decimal(at_least=Decimal(0), at_most=Decimal(1000)), "0.05"
)

# What staff may change on the Config page: label, help, and how the variable is read
CAM_CHANGEABLE = {
    "CAM_MODELS": (
        "Models offered",
        "Separated by commas; the first one is preselected.",
        env.model_names,
    ),
    "CAM_MAX_AGENTS_PER_USER": (
        "Running agents a user",
        "How many agents a user may have running at once.",
        env.integer(at_least=1, at_most=10_000),
    ),
    "CAM_DRAINING": (
        "Drain the site",
        "true starts no agent any more, before an upgrade say; running ones go on to their end.",
        env.boolean,
    ),
    "CAM_EGRESS_HOSTS": (
        "Hosts that agents reach",
        "Besides the model API: names, or *.suffix for all below one, separated by commas. "
        "Running agents follow within seconds.",
        env.host_patterns,
    ),
    "CAM_NOTIFICATION_KEEP_DAYS": (
        "Days that notifications are kept",
        "With what became of each.",
        env.integer(at_least=1, at_most=3650),
    ),
    "CAM_WHISPER_MODEL": (
        "Speech model",
        "What speech is listened to with, unless a user chooses: tiny, base, small, medium or large. "
        "manage.py fetch_whisper_model brings one here.",
        env.choice(*ModelName),
    ),
    "CAM_WHISPER_LANGUAGE": (
        "Language of speech",
        "auto lets the model find out, which takes a moment more; or a code such as en.",
        env.matching(r"auto|[a-z]{2,3}", "auto, or a language's code such as en"),
    ),
    "CAM_VOICE_AUTO_SEND": (
        "Send speech at once",
        "true sends what was said without a look at the text.",
        env.boolean,
    ),
    "CAM_VOICE_SILENCE_THRESHOLD_MS": (
        "Silence that ends a recording",
        "In milliseconds.",
        env.integer(at_least=200, at_most=30_000),
    ),
    "CAM_SIGNUP_OPEN": (
        "Open sign-up",
        "true lets anyone make an account; with false the admin pages do.",
        env.boolean,
    ),
}
