"""Bulk replays: the list, and the page of one, with its progress and a button that stops it."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path, reverse
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from connector import clock
from connector import replay as story
from connector.admin.base import ReadOnlyAdmin
from connector.admin.display import badge, moment, state_badge
from connector.models import ItemState, Replay, ReplayState

TONES = {
    ReplayState.RUNNING: "busy",
    ReplayState.STOPPED: "warn",
    ReplayState.FINISHED: "good",
}
MOST_REASONS = 20


@admin.register(Replay)
class ReplayAdmin(ReadOnlyAdmin):
    list_display = [
        "started",
        "what",
        "tenant_in_words",
        "state_in_words",
        "progress",
        "by_name",
        "why",
    ]
    list_select_related = ["tenant"]
    sortable_by = ()
    actions = None
    fields = ()
    change_form_template = "admin/connector/replay/change_form.html"
    empty_text = gettext_lazy(
        "No bulk replays yet. They begin on the page of what needs a person: choose a group there."
    )

    @admin.display(description=gettext_lazy("started"))
    def started(self, replay: Replay) -> SafeString | str:
        return moment(replay.started_at)

    @admin.display(description=gettext_lazy("what"))
    def what(self, replay: Replay) -> str:
        return replay.get_kind_display()

    @admin.display(description=gettext_lazy("state"))
    def state_in_words(self, replay: Replay) -> SafeString:
        return state_of(replay)

    @admin.display(description=gettext_lazy("taken up"))
    def progress(self, replay: Replay) -> str:
        return _("%(done)d of %(total)d") % {"done": replay.done, "total": replay.total}

    def get_urls(self) -> list[URLPattern]:
        stop = self.admin_site.admin_view(self.stop)
        own = path("<path:object_id>/stop/", stop, name="connector_replay_stop")
        return [own, *super().get_urls()]

    def stop(self, request: HttpRequest, object_id: str) -> HttpResponse:
        replay = self._found(request, object_id)
        assert isinstance(replay, Replay)  # noqa: S101
        if not may_stop(request, replay):
            raise PermissionDenied
        if request.method == "POST":
            if story.stop(replay, clock.now()):
                self.log_change(request, replay, _("Stopped"))
                messages.success(request, _("Stopped; what was not taken up stays as it is."))
            else:
                messages.warning(request, _("It had ended already."))
        return self.back_to(replay.pk)

    def story(self, request: HttpRequest, replay: Replay) -> dict[str, Any]:
        return {
            "title": replay.get_kind_display(),
            "subtitle": replay.tenant,
            "badge": state_of(replay),
            "replay": replay,
            "looked_at": replay.done + replay.refused,
            "may_stop": replay.is_running and may_stop(request, replay),
            "facts": [
                (_("Tenant"), replay.tenant),
                (_("Why"), replay.why),
                (_("By"), replay.by_name),
                (_("Started"), moment(replay.started_at)),
                (_("Ended"), moment(replay.finished_at)),
                (_("Per second"), number_format(replay.rate, 0 if replay.rate.is_integer() else 1)),
            ],
            "became": _became(replay),
            "refused": _refused(replay),
            "waiting": replay.left,
        }


def may_stop(request: HttpRequest, replay: Replay) -> bool:
    return request.user.has_perm(f"connector.{replay.kind}")


def state_of(replay: Replay) -> SafeString:
    state = ReplayState(replay.state)
    return badge(TONES[state], state.label)


def _became(replay: Replay) -> list[tuple[SafeString, int]]:
    """What became of those that were taken up, as it stands now."""
    done = replay.items.filter(state=ItemState.DONE).order_by()
    found = done.values_list("connection__state").annotate(rows=Count("pk")).order_by("-rows")
    return [(state_badge(state), rows) for state, rows in found]


def _refused(replay: Replay) -> list[tuple[str, int, SafeString]]:
    """Why, how many, and one of them to look at. The words were written in the portal's language,
    and are shown in the reader's."""
    items = replay.items.filter(state=ItemState.REFUSED).order_by()
    found = items.values_list("why_not").annotate(rows=Count("pk")).order_by("-rows")
    return [
        (_(why) if why else "", rows, _example(replay, why)) for why, rows in found[:MOST_REASONS]
    ]


def _example(replay: Replay, why: str) -> SafeString:
    first = replay.items.filter(state=ItemState.REFUSED, why_not=why).order_by("id").first()
    pk = first.connection_id if first else None
    url = reverse("admin:connector_agentconnection_change", args=[pk])
    return format_html('<a href="{}">{}</a>', url, _("Show one"))
