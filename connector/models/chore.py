"""The timetable of background chores, kept by whichever worker is free."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class Chore(models.Model):
    """One chore: when it is due, and how its last run went.

    A worker that takes it sets `lease` and moves `due_at` to the lease's end, so the chore of a
    worker that died comes due again. `problem` is "" where the last run went well.
    """

    name = models.CharField(_("chore"), max_length=40, unique=True)
    every = models.PositiveIntegerField(_("every (s)"))
    due_at = models.DateTimeField(_("due"), db_index=True)
    lease = models.UUIDField(null=True, editable=False)
    started_at = models.DateTimeField(_("started"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    took_ms = models.PositiveIntegerField(_("took (ms)"), null=True)
    done = models.PositiveIntegerField(_("done"), default=0)
    problem = models.TextField(_("problem"), blank=True)

    class Meta:
        verbose_name = _("chore")
        verbose_name_plural = _("timetable")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name
