"""Settings of the MonoQL project.

They are read from the environment alone. On a development machine ``manage.py`` and ``make run`` fill the
environment from the embedded servers (``core.embedded``); a production host sets every variable itself.
"""

import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import django_stubs_ext
import structlog
from django.core.exceptions import ImproperlyConfigured
from django.urls import reverse_lazy
from django.utils.translation import gettext_lazy as _

from core.logs import without_tokens
from monoql.phone_settings import phone_sender, prefix_caps
from monoql.sign_in_settings import cache, openid_connect
from monoql.unfold_settings import UNFOLD as UNFOLD
from viewers.issuers import LOOPBACK, development_issuer, read_issuers

django_stubs_ext.monkeypatch()

BASE_DIR = Path(__file__).resolve().parent.parent
DEVELOPMENT = os.environ.get("MONOQL_DEVELOPMENT") == "1"


def required(name: str, development: str = "") -> str:
    """Give an environment variable, or on a development machine the stated stand-in."""
    value = os.environ.get(name, "")
    if not value and DEVELOPMENT and development:
        return development
    if not value:
        raise ImproperlyConfigured(f"Set the environment variable {name}; see docs/operations.md.")
    return value


def database(url: str) -> dict[str, Any]:
    """Translate ``postgresql://user:password@host:port/name`` into Django's setting."""
    parts = urlsplit(url)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "OPTIONS": {"pool": {"min_size": 1, "max_size": int(os.environ.get("DATABASE_POOL", "16")), "timeout": 20}},
        "DISABLE_SERVER_SIDE_CURSORS": True,  # PgBouncer in transaction mode cannot keep them.
    }


def mailer(url: str) -> dict[str, Any]:
    """Translate ``smtp://user:password@host:port?tls=1`` into Django's setting; ``smtps`` is TLS from the start."""
    parts = urlsplit(url)
    return {
        "BACKEND": "core.mail.SmtpBackend",
        "OPTIONS": {
            "host": parts.hostname or "localhost",
            "port": parts.port or (465 if parts.scheme == "smtps" else 25),
            "username": unquote(parts.username or ""),
            "password": unquote(parts.password or ""),
            "use_ssl": parts.scheme == "smtps",
            "use_tls": parse_qs(parts.query).get("tls") == ["1"],
            "timeout": 20,
        },
    }


DEBUG = False
SECRET_KEY = required("SECRET_KEY")
SECRETS_KEY = required("MONOQL_SECRETS_KEY")
"""Fernet key under which salts and draw secrets are stored."""
PERSON_KEY = bytes.fromhex(required("MONOQL_PERSON_KEY"))
"""32 bytes; links one person's entries across campaigns without storing who she is."""
SIGNING_KEY = bytes.fromhex(required("MONOQL_SIGNING_KEY"))
"""Seed of the Ed25519 key that signs receipts, 32 bytes."""

PUBLIC_URL = os.environ.get("PUBLIC_URL", "http://localhost:8000").rstrip("/")
FAN_DOMAIN = os.environ.get("FAN_DOMAIN", "")
"""Campaigns answer on ``<domain>.<FAN_DOMAIN>``; empty means ``<domain>.localhost`` and links by path."""
ALLOWED_HOSTS = [
    urlsplit(PUBLIC_URL).hostname or "localhost",
    f".{FAN_DOMAIN}" if FAN_DOMAIN else ".localhost",
    *(["localhost", "127.0.0.1", "[::1]", "testserver"] if DEVELOPMENT else []),
    *filter(None, os.environ.get("ALLOWED_HOSTS", "").split(",")),
]
CSRF_TRUSTED_ORIGINS = [origin for origin in os.environ.get("CSRF_TRUSTED_ORIGINS", "").split(",") if origin]
IS_HTTPS = PUBLIC_URL.startswith("https://")
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = IS_HTTPS
SESSION_COOKIE_HTTPONLY = True
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if IS_HTTPS else None
SECURE_HSTS_SECONDS = 31536000 if IS_HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = IS_HTTPS
SECURE_SSL_REDIRECT = IS_HTTPS
SECURE_REDIRECT_EXEMPT = ["^healthz$", "^readyz$"]
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SILENCED_SYSTEM_CHECKS = (
    # A development machine serves plain http on loopback.
    [] if IS_HTTPS else ["security.W004", "security.W008", "security.W012", "security.W016"]
)

INSTALLED_APPS = [
    "modeltranslation",
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "corsheaders",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_htmx",
    "django_structlog",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.openid_connect",
    "django_migration_linter",
    "core",
    "viewers",
    "campaigns",
    "entries",
    "codes",
    "waves",
    "exports",
    "monoql",
]
try:
    import django_migration_linter  # noqa: F401  Only development installs it.
except ImportError:
    INSTALLED_APPS.remove("django_migration_linter")

MIDDLEWARE = [
    "monoql.health.HealthMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "monoql.security.ContentSecurityPolicyMiddleware",
    "corsheaders.middleware.CorsMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "monoql.media.MediaMiddleware",
    "campaigns.hosts.CampaignHostMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "viewers.idle.IdleMiddleware",
    "viewers.second_factor.SecondFactorMiddleware",
]
ROOT_URLCONF = "monoql.urls"
FAN_URLCONF = "monoql.fan_urls"
"""URLs of a campaign's own host, ``<domain>.<FAN_DOMAIN>``."""
WSGI_APPLICATION = "monoql.wsgi.application"
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
            ],
        },
    }
]

DATABASES = {"default": database(required("DATABASE_URL"))}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "viewers.Staff"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
LOGIN_URL = LOGOUT_REDIRECT_URL = reverse_lazy("account_login")
LOGIN_REDIRECT_URL = reverse_lazy("admin:index")

STAFF_IDLE_MINUTES = int(os.environ.get("STAFF_IDLE_MINUTES", "30"))
"""How long a session lives in which nothing is done."""
STAFF_SESSION_HOURS = int(os.environ.get("STAFF_SESSION_HOURS", "12"))
"""How long a session lives at most."""
STAFF_FRESH_PROOF_MINUTES = int(os.environ.get("STAFF_FRESH_PROOF_MINUTES", "15"))
"""How long a password or a second factor counts as just given, before something dangerous."""
STAFF_SECOND_FACTOR = os.environ.get("STAFF_SECOND_FACTOR") or ("nobody" if DEVELOPMENT else "dangerous")
"""Who must have a second factor: ``nobody``, those who hold ``dangerous`` rights, or ``everybody``."""
if STAFF_SECOND_FACTOR not in ("nobody", "dangerous", "everybody"):
    raise ImproperlyConfigured("STAFF_SECOND_FACTOR is nobody, dangerous or everybody.")
STAFF_COMPANIES = openid_connect(os.environ.get("STAFF_OPENID_CONNECT", ""))
"""The companies whose staff sign in with their company's account."""
SESSION_COOKIE_AGE = STAFF_SESSION_HOURS * 3600
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
ALLAUTH_TRUSTED_PROXY_COUNT = int(os.environ.get("TRUSTED_PROXIES", "0"))
ACCOUNT_ADAPTER = "viewers.sign_in_adapters.StaffAdapter"
ACCOUNT_FORMS = {"login": "viewers.sign_in_forms.SignInForm"}
ACCOUNT_LOGIN_METHODS = {"username", "email"}
ACCOUNT_SIGNUP_FIELDS = ["username*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_REAUTHENTICATION_TIMEOUT = STAFF_FRESH_PROOF_MINUTES * 60
MFA_ADAPTER = "viewers.sign_in_adapters.SecondFactorAdapter"
MFA_FORMS = {"add_webauthn": "viewers.sign_in_forms.PasskeyForm"}
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = MFA_RECOVERY_CODES_SHOW_ONCE = MFA_ALLOW_UNVERIFIED_EMAIL = True
MFA_TOTP_ISSUER = "MonoQL"
MFA_TOTP_TOLERANCE = 1  # One step of 30 seconds: clocks of phones differ.
SOCIALACCOUNT_ADAPTER = "viewers.sign_in_adapters.CompanyAccountAdapter"
SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": [company.app for company in STAFF_COMPANIES]}}

LANGUAGE_CODE = "en"
LANGUAGES = [
    ("en", _("English")),
    ("de", _("German")),
    ("es", _("Spanish")),
    ("fr", _("French")),
    ("pt", _("Portuguese")),
    ("ja", _("Japanese")),
    ("ar", _("Arabic")),
]
LOCALE_PATHS = [BASE_DIR / "locale"]
MODELTRANSLATION_DEFAULT_LANGUAGE = "en"
JQUERY_UI_URL = ""
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
STATIC_ROOT = None if DEVELOPMENT else Path(os.environ.get("STATIC_ROOT", BASE_DIR / "collected"))
"""Where ``collectstatic`` puts the files of a production host; a development machine serves them from their apps."""
STATICFILES_DIRS = [BASE_DIR / "static"]
WHITENOISE_USE_FINDERS = DEVELOPMENT
STORAGES = {
    "default": {"BACKEND": "storages.backends.s3.S3Storage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEVELOPMENT
        else "whitenoise.storage.CompressedManifestStaticFilesStorage"
    },
}
AWS_S3_ENDPOINT_URL = os.environ.get("S3_ENDPOINT_URL") or None
AWS_STORAGE_BUCKET_NAME = required("S3_BUCKET")
AWS_S3_ACCESS_KEY_ID = required("S3_ACCESS_KEY_ID")
AWS_S3_SECRET_ACCESS_KEY = required("S3_SECRET_ACCESS_KEY")
AWS_S3_REGION_NAME = os.environ.get("S3_REGION", "us-east-1")

BROKER_URL = required("BROKER_URL")
QUEUE_PREFIX = os.environ.get("MONOQL_QUEUE_PREFIX", "")
"""Keeps several installations apart on one broker."""
CACHES = {"default": cache(os.environ.get("CACHE_URL", "") or BROKER_URL, prefix=QUEUE_PREFIX)}
"""Holds the counters of failed sign-ins, for all processes together."""
JOB_LEASE_SECONDS = float(os.environ.get("JOB_LEASE_SECONDS", "15"))
"""How long a job stays with a worker that gives no sign of life."""

PUBLISHED_SECONDS = 2.0
"""How long a process may show a campaign's set-up from memory before it looks again."""

GATE_SECONDS = float(os.environ.get("GATE_SECONDS", "2"))
"""How long a gate's provider may take for one fan before it counts as not able to say."""
GATE_SANDBOX = os.environ.get("GATE_SANDBOX", "1" if DEVELOPMENT else "") == "1"
"""Whether gates may use the sandbox, where the beginning of an address decides."""

MAIL_FOLDER = Path(os.environ.get("MAIL_FOLDER", BASE_DIR / ".data" / "mail"))
MAIL_URL = os.environ.get("MAIL_URL", "")
"""``smtp://user:password@host:587?tls=1`` sends mails; empty writes them to ``MAIL_FOLDER``."""
MAILERS = {"default": mailer(MAIL_URL) if MAIL_URL else {"BACKEND": "core.mail.FolderBackend"}}
MAIL_CONNECTIONS = max(
    1, min(int(os.environ.get("MAIL_CONNECTIONS", "4")), int(os.environ.get("DATABASE_POOL", "16")) - 2)
)
"""How many connections to the mail server a wave's mails go out on; each needs one to the database."""
MAIL_KEY_HEADER = os.environ.get("MAIL_KEY_HEADER", "X-Entity-Ref-ID")
"""The header, beside Message-ID, by which a provider can tell that it has a mail already."""
DEFAULT_FROM_EMAIL = os.environ.get("DEFAULT_FROM_EMAIL", "MonoQL <tickets@monoql.example>")

PHONE_SENDER = phone_sender(os.environ, is_development=DEVELOPMENT, folder=MAIL_FOLDER / "sms")
"""Who carries the codes that confirm phones: a class and its options; nothing where there is none."""
PHONE_SECONDS = float(os.environ.get("PHONE_SECONDS", "5"))
"""How long the sender may take for one message before it counts as not sent."""
PHONE_NETWORK_PER_HOUR = int(os.environ.get("PHONE_NETWORK_PER_HOUR", "300"))
PHONE_NETWORK_PER_DAY = int(os.environ.get("PHONE_NETWORK_PER_DAY", "2000"))
"""Codes that one network may ask for. Thousands of phones can share one behind a provider's NAT."""
PHONE_PREFIX_PER_HOUR = int(os.environ.get("PHONE_PREFIX_PER_HOUR", "2000"))
"""Codes an hour to numbers of one country prefix: what whoever pumps messages to a far country can cost at most."""
PHONE_PREFIX_CAPS = prefix_caps(os.environ.get("PHONE_PREFIX_CAPS", ""))
"""The same for single prefixes, where more or fewer are expected."""
PHONE_REMINDER_HOURS = float(os.environ.get("PHONE_REMINDER_HOURS", "48"))
"""How long before the close fans are reminded who have not confirmed their phone."""

DATA_UPLOAD_MAX_MEMORY_SIZE = 256 * 1024
"""Bytes of a form or JSON body; uploads of codes are streamed and have their own limit."""
DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "viewers.authentication.BearerToken",
        "viewers.authentication.TokenCookie",
        "viewers.authentication.StaffSession",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["viewers.access.StaffOnly"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["core.parsing.JsonObjectParser"],
    "DEFAULT_SCHEMA_CLASS": "core.api_schema.Schema",
    "DEFAULT_METADATA_CLASS": None,
    "DEFAULT_VERSIONING_CLASS": None,
    "EXCEPTION_HANDLER": "core.api.refusal_handler",
    "URL_FORMAT_OVERRIDE": None,
    "NUM_PROXIES": int(os.environ.get("TRUSTED_PROXIES", "0")),
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
OUTSIDE_ISSUERS = (
    *read_issuers(os.environ.get("OUTSIDE_ISSUERS", ""), loopback=LOOPBACK if DEVELOPMENT else ()),
    *([development_issuer(PUBLIC_URL)] if DEVELOPMENT else []),
)
"""Whose tokens ``POST /api/v1/auth/`` takes."""
CORS_URLS_REGEX = r"^/api/v1/campaigns/(?P<domain>[^/]+)/(?:(?:entries|entry|draws)/.*)?$"
"""What fans ask. Which origins may, each campaign says (``campaigns.cross_origin``); cookies are never let through."""
CORS_ALLOW_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE")
CORS_ALLOW_HEADERS = ("authorization", "content-type", "idempotency-key", "if-none-match")
CORS_EXPOSE_HEADERS = ("ETag", "Content-Language", "Retry-After", "Idempotent-Replayed")
CORS_PREFLIGHT_MAX_AGE = 600
FAN_ISSUER = os.environ.get("FAN_ISSUER", "")
"""The name of the issuer whose accounts fans have; it can be left out where there is a single issuer."""
FAN_REQUESTS_PER_SECOND = float(os.environ.get("FAN_REQUESTS_PER_SECOND", "20"))
"""How often one address may ask a process for what fans ask; in a burst for twenty seconds ahead. 0 sets no limit."""
CODE_CHECKS_PER_SECOND = float(os.environ.get("CODE_CHECKS_PER_SECOND", "200"))
"""The same for one viewer who asks whose a code is: a ticketing platform, for each fan who types one."""
SPECTACULAR_SETTINGS = {
    "TITLE": "MonoQL API",
    "DESCRIPTION": "Presale registration with a draw that anyone can check. docs/api.md walks through it with curl.",
    "VERSION": "1",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "APPEND_COMPONENTS": {"securitySchemes": {"fanToken": {"type": "http", "scheme": "bearer"}}},
    "ENUM_NAME_OVERRIDES": {
        "CampaignStatus": "campaigns.models.Campaign.Status",
        "CampaignType": "campaigns.models.Campaign.Type",
        "DrawState": "waves.draws_api.STATES",
        "FieldType": "campaigns.models.Field.Type",
        "HoldKind": "codes.models.Hold.Kind",
        "HoldStatus": "codes.models.Hold.Status",
        "GateKind": "campaigns.models.Gate.Kind",
        "ImageKind": "campaigns.models.Image.Kind",
        "JobStatus": "core.models.Job.Status",
        "TokenKind": "viewers.issuers.KINDS",
        "TrackerKind": "campaigns.models.Tracker.Kind",
        "UploadKind": "codes.models.Upload.Kind",
        "ViewerKind": "viewers.auth_api.VIEWER_KINDS",
        "WaveStatus": "waves.models.Wave.Status",
    },
}

structlog.configure(
    processors=[
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.filter_by_level,
        structlog.processors.TimeStamper(fmt="iso"),
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.processors.format_exc_info,
        structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
    ],
    logger_factory=structlog.stdlib.LoggerFactory(),
    cache_logger_on_first_use=True,
)
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": structlog.stdlib.ProcessorFormatter,
            # Django's own lines go through the chain too: they name paths.
            "foreign_pre_chain": [
                structlog.processors.TimeStamper(fmt="iso"),
                structlog.stdlib.add_logger_name,
                structlog.stdlib.add_log_level,
            ],
            "processors": [
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                without_tokens,
                structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"]),
            ],
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": os.environ.get("LOG_LEVEL", "INFO")},
    "loggers": {
        "django_structlog": {"level": "WARNING"},
        "botocore": {"level": "WARNING"},
        "django.request": {"level": "ERROR"},
    },
}
