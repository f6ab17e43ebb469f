"""Django's settings, safe by default; what differs between machines comes from the environment."""

import ipaddress
import os
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _

from portal import environment

BASE_DIR = Path(__file__).resolve().parent.parent
_env = environment.read(BASE_DIR)

SECRET_KEY = _env["secret_key"]
FIELD_KEYS: list[str] = _env["field_keys"]
DEBUG: bool = _env["debug"]
ALLOWED_HOSTS: list[str] = _env["allowed_hosts"]
BASE_URL: str = _env["base_url"].rstrip("/")
ALLOWED_UPSTREAMS = [ipaddress.ip_network(net.strip()) for net in _env["allowed_upstreams"]]
METRICS_TOKEN: str = _env["metrics_token"]
# Who may say whom they pass on; gunicorn reads the same variable for https.
TRUSTED_PROXIES: list[str] = _env["trusted_proxies"]
# Set by `./run demo` alone, for the processes that it starts; "" everywhere else.
DEMO_DIRECTORY: str = os.environ.get("PORTAL_DEMO", "").partition(":")[2]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django_q",
    "rest_framework",
    "drf_spectacular",
    "simple_history",
    "axes",
    "connector",
    "portal.apps.PortalAdminConfig",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "portal.doors.SendersDoor",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "portal.doors.ForNobodyElse",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "connector.admin.reader.TimeZoneMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "portal.urls"
WSGI_APPLICATION = "portal.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# Data ---------------------------------------------------------------------------------------------

_database = dict(_env["database"])
IS_SQLITE = "sqlite" in _database["ENGINE"]
_options = dict(_database.get("OPTIONS", {}))
if IS_SQLITE:
    _database["ENGINE"] = "portal.sqlite"
    _options |= {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
    }
    _file = BASE_DIR / _database["NAME"]  # wherever the command was called from
    _database["NAME"] = str(_file)
    environment.reserve(_file)
else:
    _options |= {
        "connect_timeout": 5,  # seconds, as the others but one
        "application_name": "agent-connected-portal",
        # A machine that has vanished says so to nobody, and TCP would wait a quarter of an hour.
        "tcp_user_timeout": 10_000,  # ms
        "keepalives_idle": 5,
        "keepalives_interval": 3,
        "keepalives_count": 3,
    }
# A connection belongs to one process: a pool shared by forked workers mixes their answers up.
# It is renewed now and then, which is when the clocks are compared (connector/clock.py).
DATABASES = {
    "default": _database
    | {"CONN_MAX_AGE": 600, "CONN_HEALTH_CHECKS": not IS_SQLITE, "OPTIONS": _options}
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL: str = _env["redis_url"]
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
    }
    if REDIS_URL
    else {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "portal_cache",
        "OPTIONS": {"MAX_ENTRIES": 10_000},
    },
    # django-q2 writes its statistics twice a second; nobody reads them.
    "nothing": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"},
}

# Workers ------------------------------------------------------------------------------------------

WEB_PROCESSES: int = _env["web_processes"] or (1 if IS_SQLITE else 2)
WEB_THREADS: int = _env["web_threads"]
WORKER_PROCESSES: int = _env["worker_processes"]

Q_CLUSTER = {
    "name": "portal",
    "broker_class": "connector.queue.RedisBroker" if REDIS_URL else "connector.queue.OrmBroker",
    "orm": "default",
    "redis": REDIS_URL,
    "workers": WORKER_PROCESSES,
    "queue_limit": 1,  # what waits in the cluster's own queue only uses up its lease
    "bulk": 10,
    "timeout": 60,
    "retry": 120,
    "max_attempts": 1,
    "ack_failures": True,
    "catch_up": False,
    "save_limit": -1,
    "recycle": 5000,
    "scheduler": False,  # it looks every 30 s; the only clock is due_at
    "cache": "nothing",
    "label": "django-q2",
}

# People -------------------------------------------------------------------------------------------

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "admin:login"

# Who guesses passwords waits: five wrong ones for a user name from one address, or very many from
# one address for whatever names (connector/guesses.py), then ten minutes.
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AXES_HANDLER = "connector.guesses.Counter"
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=10)
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False  # so that we can say when it ends
AXES_RESET_ON_SUCCESS = True
AXES_USERNAME_CALLABLE = "connector.guesses.name_of"
AXES_CLIENT_IP_CALLABLE = "connector.guesses.address_of"
AXES_CLIENT_STR_CALLABLE = "connector.guesses.in_log"
AXES_LOCKOUT_CALLABLE = "connector.admin.locked.locked"
AXES_SENSITIVE_PARAMETERS = ["username", "csrfmiddlewaretoken", "next"]
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False

LANGUAGE_CODE = _env["language"]
LANGUAGES = [("en", _("English")), ("es", _("Spanish"))]
LOCALE_PATHS = [BASE_DIR / "connector" / "locale"]
TIME_ZONE = _env["time_zone"]
USE_I18N = True
USE_TZ = True

# Web ----------------------------------------------------------------------------------------------

STATIC_URL = "static/"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = True  # nothing to collect before the first start

_is_https = urlsplit(BASE_URL).scheme == "https"
CSRF_TRUSTED_ORIGINS = [environment.origin(BASE_URL)]
SECURE_SSL_REDIRECT = _is_https
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = 31_536_000 if _is_https else 0
SESSION_COOKIE_SECURE = _is_https
CSRF_COOKIE_SECURE = _is_https
SESSION_COOKIE_AGE = 12 * 3600
SECURE_REFERRER_POLICY = "same-origin"
# Nothing from other hosts, nothing inline, no page of ours in another's frame; no exceptions.
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
    }
}
X_FRAME_OPTIONS = "DENY"
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 20_000  # a tenant's page has seven for each of its queues
SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # other names below this domain are not ours to speak for
    "security.W021",  # nor is the browsers' preload list
]

for _name, _value in _env["email"].items():
    globals()[_name] = _value

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework.authentication.SessionAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Agent-connected portal",
    "DESCRIPTION": "Tells Lynn when a Genesys Cloud agent has really answered.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "APPEND_COMPONENTS": {
        "securitySchemes": {
            "bearer": {"type": "http", "scheme": "bearer"},
            "apiKey": {"type": "apiKey", "in": "header", "name": "X-Api-Key"},
            "basic": {"type": "http", "scheme": "basic"},
            "session": {"type": "apiKey", "in": "cookie", "name": "sessionid"},
        }
    },
    "SECURITY": [{"bearer": []}, {"apiKey": []}, {"basic": []}],
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "plain": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"},
        "json": {
            "()": "pythonjsonlogger.json.JsonFormatter",
            "fmt": "%(asctime)s %(levelname)s %(name)s %(message)s",
        },
    },
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": _env["log_format"]},
    },
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        "django-q": {"level": "WARNING"},
        "axes": {"level": "WARNING"},
        "gunicorn.http.wsgi": {"level": "ERROR"},  # warns of each HEAD that Django answers
        "django.request": {"level": "ERROR"},  # refused posts are on record as events
        "django.security.DisallowedHost": {"level": "CRITICAL"},  # scanners; answered with a 400
    },
}
