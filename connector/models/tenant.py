"""Who we work for: tenants and their queues."""

import hashlib
import json
import re
import zoneinfo
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from connector.decide import Policy
from connector.domain import MEDIA_TYPES, AnswerMode, Mode, QueuePolicy, WithoutName
from connector.models.history import SettingsHistory
from connector.models.secret import Secret, SecretField

# Genesys Cloud regions (platform SDK): the domain behind api. and login.
REGIONS = (
    ("mypurecloud.com", "US East (Virginia) · mypurecloud.com"),
    ("use2.us-gov-pure.cloud", "US East 2 (FedRAMP) · use2.us-gov-pure.cloud"),
    ("usw2.pure.cloud", "US West (Oregon) · usw2.pure.cloud"),
    ("cac1.pure.cloud", "Canada (Central) · cac1.pure.cloud"),
    ("mxc1.pure.cloud", "Mexico (Central) · mxc1.pure.cloud"),
    ("sae1.pure.cloud", "South America (São Paulo) · sae1.pure.cloud"),
    ("mypurecloud.ie", "Europe (Ireland) · mypurecloud.ie"),
    ("euw2.pure.cloud", "Europe (London) · euw2.pure.cloud"),
    ("mypurecloud.de", "Europe (Frankfurt) · mypurecloud.de"),
    ("euc2.pure.cloud", "Europe (Zurich) · euc2.pure.cloud"),
    ("edee1.eusc-pure.cloud", "Europe (sovereign, Germany) · edee1.eusc-pure.cloud"),
    ("mec1.pure.cloud", "Middle East (UAE) · mec1.pure.cloud"),
    ("aps1.pure.cloud", "Asia Pacific (Mumbai) · aps1.pure.cloud"),
    ("mypurecloud.jp", "Asia Pacific (Tokyo) · mypurecloud.jp"),
    ("apne2.pure.cloud", "Asia Pacific (Seoul) · apne2.pure.cloud"),
    ("apne3.pure.cloud", "Asia Pacific (Osaka) · apne3.pure.cloud"),
    ("apse1.pure.cloud", "Asia Pacific (Singapore) · apse1.pure.cloud"),
    ("mypurecloud.com.au", "Asia Pacific (Sydney) · mypurecloud.com.au"),
)

validate_slug = RegexValidator(
    r"\A[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z",
    _("Use 1 to 63 lower-case letters, digits and hyphens; no hyphen at either end."),
)
validate_domain = RegexValidator(
    r"\A(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}\Z",
    _("Enter a domain such as mypurecloud.ie, without https:// and without a path."),
)


def validate_base_url(value: str) -> None:
    """An http or https address without user, query or fragment; it may hold a path."""
    try:
        parts = urlsplit(value)
        wrong = parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0
    except ValueError:
        raise ValidationError(_("This is not an address.")) from None
    if wrong or re.search(r"[\s\x00-\x1f]", value):
        raise ValidationError(_("Enter an address that starts with https://"))
    if re.search(r"[?#\\]", value) or "@" in parts.netloc:
        raise ValidationError(_("Leave user, password, ? and # out of the address."))


def validate_time_zone(value: str) -> None:
    try:
        zoneinfo.ZoneInfo(value)
    except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
        raise ValidationError(
            _("“%(value)s” is not a time zone; an example is America/Bogota."),
            params={"value": value},
        ) from None


def validate_media_types(value: object) -> None:
    if not isinstance(value, list) or not value:
        raise ValidationError(_("Choose at least one media type."))
    for name in value:
        if name not in MEDIA_TYPES:
            raise ValidationError(
                _("“%(value)s” is not a media type; there are: %(known)s."),
                params={"value": name, "known": ", ".join(MEDIA_TYPES)},
            )


SECRETS = ("client_secret", "lynn_headers")


def default_media_types() -> list[str]:
    return ["message"]


def _seconds(
    default: float, least: float, most: float, name: object, help_text: object
) -> "models.FloatField[float, float]":
    return models.FloatField(
        name,  # type: ignore[arg-type]
        default=default,
        validators=[MinValueValidator(least), MaxValueValidator(most)],
        help_text=help_text,  # type: ignore[arg-type]
    )


def _days(
    default: int, name: object, help_text: object
) -> "models.PositiveSmallIntegerField[int, int]":
    return models.PositiveSmallIntegerField(
        name,  # type: ignore[arg-type]
        default=default,
        db_default=default,  # for web processes of the version before, while an upgrade goes on
        validators=[MinValueValidator(1), MaxValueValidator(3650)],
        help_text=help_text,  # type: ignore[arg-type]
    )


class Tenant(models.Model):
    """One customer: a Genesys Cloud organisation joined to a Lynn base URL."""

    slug = models.CharField(
        _("slug"),
        max_length=63,
        unique=True,
        validators=[validate_slug],
        help_text=_("Part of the webhook address, so it should not change once Genesys uses it."),
    )
    name = models.CharField(_("name"), max_length=200)
    enabled = models.BooleanField(
        _("enabled"),
        default=True,
        help_text=_("Switched off, new events are refused; those already accepted are finished."),
    )
    mode = models.CharField(_("mode"), max_length=10, choices=Mode.choices, default=Mode.LIVE)
    time_zone = models.CharField(
        _("time zone"), max_length=64, default="UTC", validators=[validate_time_zone]
    )

    region = models.CharField(
        _("region"), max_length=253, default="mypurecloud.com", validators=[validate_domain]
    )
    client_id = models.CharField(_("client id"), max_length=100)
    client_secret = SecretField(_("client secret"), blank=True, default=Secret)
    api_url = models.CharField(
        _("API address"),
        max_length=500,
        blank=True,
        validators=[validate_base_url],
        help_text=_("Only if it is not https://api. and the region."),
    )
    login_url = models.CharField(
        _("login address"),
        max_length=500,
        blank=True,
        validators=[validate_base_url],
        help_text=_("Only if it is not https://login. and the region."),
    )

    lynn_base_url = models.CharField(
        _("Lynn base URL"),
        max_length=500,
        validators=[validate_base_url],
        help_text=_("/PureCloud/OpenMessaging_OnEvent is added to it."),
    )
    lynn_headers = SecretField(_("extra headers"), blank=True, default=Secret)

    queue_policy = models.CharField(
        _("queues"), max_length=10, choices=QueuePolicy.choices, default=QueuePolicy.LISTED
    )
    answer_mode = models.CharField(
        _("answer mode"),
        max_length=10,
        choices=AnswerMode.choices,
        default=AnswerMode.MANUAL,
        help_text=_("For queues that do not say otherwise."),
    )
    media_types = models.JSONField(
        _("media types"), default=default_media_types, validators=[validate_media_types]
    )

    first_check_after = _seconds(2, 0, 600, _("first check after"), _("Seconds after the event."))
    check_every = _seconds(
        2,
        0.5,
        600,
        _("check every"),
        _("Seconds; stretched only when Genesys' call limit is short."),
    )
    give_up_after = _seconds(
        120, 1, 86_400, _("give up after"), _("Seconds after the event: then “not answered”.")
    )
    deliver_within = _seconds(
        600,
        1,
        86_400,
        _("deliver within"),
        _("Seconds after the answer: then “expired”, nothing is sent any more."),
    )
    without_name = models.CharField(
        _("without a name"),
        max_length=10,
        choices=WithoutName.choices,
        default=WithoutName.WAIT,
        help_text=_("What to do when Genesys does not give the agent's name."),
    )
    inbound_per_second = models.PositiveIntegerField(
        _("events per second"),
        default=50,
        validators=[MinValueValidator(1), MaxValueValidator(10_000)],
        help_text=_("Above this the webhook answers 429 and the sender tries again."),
    )

    keep_bodies_days = _days(
        30,
        _("keep bodies for"),
        _(
            "Days. Then what was posted, asked and answered is emptied. It may hold names, "
            "addresses and texts of customers."
        ),
    )
    keep_events_days = _days(
        90, _("keep events for"), _("Days. Then the list of what was posted loses them.")
    )
    keep_connections_days = _days(
        400,
        _("keep connections for"),
        _(
            "Days. Then a connection goes with its calls, its events and the "
            "customer's address in it. Counts per hour and the seals of the audit trail stay."
        ),
    )

    people = models.ManyToManyField(
        settings.AUTH_USER_MODEL,
        verbose_name=_("people"),
        blank=True,
        related_name="tenants",
        help_text=_("Who may see this tenant without the right to see all tenants."),
    )
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    history = SettingsHistory(
        excluded_fields=[*SECRETS, "version", "created_at", "updated_at"], m2m_fields=["people"]
    )

    class Meta:
        verbose_name = _("tenant")
        verbose_name_plural = _("tenants")
        ordering = ["name"]
        permissions = [
            ("view_all_tenants", gettext_noop("Can see all tenants, not only those listed on")),
            ("test_connection", gettext_noop("Can test the connections of a tenant")),
            ("send_test", gettext_noop("Can send a test message to Lynn")),
            ("pause_tenant", gettext_noop("Can pause and resume a tenant")),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(mode__in=Mode.values)
                & Q(queue_policy__in=QueuePolicy.values)
                & Q(answer_mode__in=AnswerMode.values)
                & Q(without_name__in=WithoutName.values),
                name="tenant_choices_are_known",
            ),
            models.CheckConstraint(
                condition=Q(
                    first_check_after__gte=0,
                    check_every__gt=0,
                    give_up_after__gt=0,
                    deliver_within__gt=0,
                ),
                name="tenant_timing_is_positive",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        """The history says which secrets were written, so name them in `update_fields`."""
        self.saved_secrets = set(SECRETS) & set(kwargs.get("update_fields") or ())
        super().save(*args, **kwargs)

    def clean(self) -> None:
        if self.first_check_after > self.give_up_after:
            raise ValidationError(
                {"first_check_after": _("The first check would come after giving up.")}
            )
        self._clean_retention()

    def _clean_retention(self) -> None:
        longest, mistakes = self.keep_connections_days, {}
        if self.keep_bodies_days > longest:
            mistakes["keep_bodies_days"] = _(
                "Bodies go with their connections, so they cannot be kept longer than those."
            )
        if self.keep_events_days > longest:
            mistakes["keep_events_days"] = _(
                "Events go with their connections, so they cannot be kept longer than those."
            )
        if mistakes:
            raise ValidationError(mistakes)

    @property
    def genesys_api(self) -> str:
        return (self.api_url or f"https://api.{self.region}").rstrip("/")

    @property
    def genesys_login(self) -> str:
        return (self.login_url or f"https://login.{self.region}").rstrip("/")

    @property
    def is_shadow(self) -> bool:
        return self.mode == Mode.SHADOW

    @property
    def extra_headers(self) -> dict[str, str]:
        """The extra headers for Lynn; raises SecretUnreadable."""
        plain = self.lynn_headers.reveal()
        return json.loads(plain) if plain else {}

    @extra_headers.setter
    def extra_headers(self, headers: dict[str, str]) -> None:
        self.lynn_headers = Secret.hide(json.dumps(headers, sort_keys=True) if headers else "")

    @property
    def policy(self) -> Policy:
        """The phase keeps the grids of different tenants from coming due at one moment."""
        phase = int.from_bytes(hashlib.sha256(self.slug.encode()).digest()[:4], "big") / 2**32
        return Policy(
            check_every=self.check_every,
            give_up_after=self.give_up_after,
            deliver_within=self.deliver_within,
            without_name=self.without_name,
            phase=phase * self.check_every,
        )


class Queue(models.Model):
    """A Genesys queue that the tenant wants to be told about."""

    tenant = models.ForeignKey(
        Tenant, on_delete=models.CASCADE, related_name="queues", db_index=False
    )
    genesys_id = models.CharField(_("Genesys id"), max_length=100)
    name = models.CharField(_("name"), max_length=200, blank=True)
    answer_mode = models.CharField(
        _("answer mode"),
        max_length=10,
        choices=AnswerMode.choices,
        blank=True,
        help_text=_("Empty: as the tenant says."),
    )
    enabled = models.BooleanField(_("enabled"), default=True)

    history = SettingsHistory()

    class Meta:
        verbose_name = _("queue")
        verbose_name_plural = _("queues")
        ordering = ["name", "genesys_id"]
        constraints = [
            models.UniqueConstraint(fields=["tenant", "genesys_id"], name="queue_once_per_tenant"),
            models.CheckConstraint(
                condition=Q(answer_mode__in=["", *AnswerMode.values]),
                name="queue_answer_mode_is_known",
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.genesys_id

    def clean(self) -> None:
        self.genesys_id = self.genesys_id.strip().lower()
