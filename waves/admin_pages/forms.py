"""The forms of a wave: when, by which rules, and the public value."""

from typing import Any

from django import forms
from django.db.models import F, Q, Sum
from django.forms.boundfield import BoundWidget

from campaigns.models import Campaign, Market
from codes.models import CodeRange, Pool
from core.admin_forms import styled
from core.admin_times import LocalTime, LocalTimeField, LocalTimeWidget
from core.times import BadLocalTime
from viewers.viewer import Viewer
from waves.admin_pages.picture import Picture
from waves.admin_pages.words import RANKING_WORDS, RankingWords
from waves.audience import ALL, offers
from waves.preparation import Options
from waves.rules import HIGHEST_SCORE, RANKINGS


class ScheduleForm(forms.Form):
    """When a wave is to be, on the campaign's clock, and who triggers it."""

    local = LocalTimeField(
        label="When its fans get their codes", help_text="On the campaign's clock, as written beside it."
    )
    who = forms.ChoiceField(
        label="Who triggers it",
        choices=[("clock", "The clock, at this time"), ("hand", "Somebody by hand")],
        initial="clock",
        required=False,
        help_text="The clock needs the wave prepared and, where two people decide, approved; what is late goes as soon "
        "as it lacks nothing. By hand, nothing happens at this time by itself.",
    )
    name = forms.CharField(
        label="Name", required=False, max_length=100, help_text="For staff, as in “Wave 1”; may be empty."
    )

    def __init__(self, campaign: Campaign, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._zone = campaign.zone
        widget = self.fields["local"].widget
        if isinstance(widget, LocalTimeWidget):
            widget.zone = campaign.zone
        styled(self)

    @property
    def is_automatic(self) -> bool:
        """Whether the clock triggers it."""
        return bool(self.cleaned_data["who"] != "hand")

    def clean_local(self) -> LocalTime:
        """A time that exists in the zone; of a repeated one it must be said which."""
        local: LocalTime = self.cleaned_data["local"]
        try:
            local.instant(self._zone)
        except BadLocalTime as refusal:
            raise forms.ValidationError(refusal.message) from refusal
        return local


class PlanForm(ScheduleForm):
    """The same of a wave that is in the calendar. A time that was not touched is left as it is."""

    def __init__(self, campaign: Campaign, *args: Any, is_fixed: bool, **kwargs: Any) -> None:
        super().__init__(campaign, *args, **kwargs)
        if is_fixed:
            self.fields["local"].label = "When it is triggered"
            self.fields["local"].help_text = "At its present time or later."

    def clean_local(self) -> LocalTime:
        """The time before where the same minute was sent: it may be one that the zone's rules skip by now."""
        typed: LocalTime = self.cleaned_data["local"]
        before: LocalTime = self.initial["local"]
        if typed.local == before.local and typed.reading in ("", before.reading):
            return before
        return super().clean_local()


class PrepareForm(forms.Form):
    """The rules of a wave. All of them are fixed at the freeze."""

    ranking = forms.TypedChoiceField(
        label="Who comes first",
        choices=[(str(place), RANKING_WORDS[ranking].title) for place, ranking in enumerate(RANKINGS)],
        coerce=int,
        widget=forms.RadioSelect,
        initial=0,
    )
    code_type = forms.ChoiceField(label="Type of code")
    score_tier = forms.IntegerField(
        label="Width of a score tier",
        min_value=1,
        max_value=HIGHEST_SCORE + 1,
        initial=10,
        help_text="Scores of one tier count as equal: with 10, a 78 and a 71 are.",
    )
    score_min = forms.IntegerField(
        label="Lowest score", required=False, min_value=0, max_value=HIGHEST_SCORE, help_text="Empty sets no bound."
    )
    score_max = forms.IntegerField(
        label="Highest score", required=False, min_value=0, max_value=HIGHEST_SCORE, help_text="Empty sets no bound."
    )
    audience = forms.ChoiceField(
        label="Who may take part",
        required=False,
        help_text="Everybody else stays in the list of entries, with this as the reason.",
    )
    reassign = forms.BooleanField(
        label="Fans whom an earlier wave chose may be chosen again",
        required=False,
        help_text="Their earlier code stays theirs.",
    )
    public_source = forms.CharField(
        label="Public value",
        required=False,
        max_length=200,
        help_text="Name one source whose value nobody can know yet, as in “drand round 4102338”. The draw then waits "
        "until you enter it. Empty asks for none.",
    )

    def __init__(self, campaign: Campaign, viewer: Viewer, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["audience"].choices = list(offers(campaign, viewer).items())  # type: ignore[attr-defined]
        types = list(
            Pool.objects.filter(campaign=campaign).values_list("code_type", flat=True).distinct().order_by("code_type")
        )
        self.fields["code_type"].choices = [(name, name) for name in types or ["presale"]]  # type: ignore[attr-defined]
        self.market_of: dict[str, Market] = {}
        free = _free_codes(campaign)
        for market in campaign.markets.filter(is_active=True).select_related("venue").order_by("number"):
            name = f"limit_{market.pk}"
            self.market_of[name] = market
            limit = (
                "" if market.population_limit is None else f", at most {market.population_limit:,} fans in all waves"
            )
            self.fields[name] = forms.IntegerField(
                label=f"{market.code} · {market}",
                required=False,
                min_value=0,
                max_value=2**31 - 1,
                help_text=f"{free.get(market.pk, 0):,} free codes{limit}",
            )
        styled(self)

    @property
    def limits(self) -> list[forms.BoundField]:
        """The fields of the wave's own limits, one a market."""
        return [self[name] for name in self.market_of]

    @property
    def rankings(self) -> list[tuple[BoundWidget, RankingWords]]:
        """Each ranking's radio button with its words."""
        return list(zip(self["ranking"].subwidgets, [RANKING_WORDS[ranking] for ranking in RANKINGS], strict=True))

    def options(self) -> Options:
        """What was chosen."""
        data = self.cleaned_data
        return Options(
            code_type=data["code_type"],
            ranking=RANKINGS[data["ranking"]],
            score_tier=data["score_tier"],
            score_min=data["score_min"],
            score_max=data["score_max"],
            audience=data["audience"] or ALL,
            reassign=data["reassign"],
            public_source=data["public_source"].strip(),
            limits={self.market_of[name].code: data[name] for name in self.market_of if data[name] is not None},
        )


def _free_codes(campaign: Campaign) -> dict[int, int]:
    """Free codes by market."""
    rows = (
        CodeRange.objects.filter(Q(hold=None, is_revoked=False), pool__campaign=campaign)
        .values("pool__market")
        .annotate(codes=Sum(F("last") - F("first") + 1))
        .values_list("pool__market", "codes")
    )
    return {int(market): int(codes) for market, codes in rows}


class PublicValueForm(forms.Form):
    """The value of the source that the rules name; entered once, never changed."""

    public_value = forms.CharField(
        label="The value",
        max_length=256,
        strip=True,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        styled(self)


def options_before(picture: Picture) -> dict[str, Any]:
    """What an earlier try of the preparation chose, for the form."""
    prep = picture.prep
    if prep is None:
        return {}
    ranking = tuple(prep.ranking)
    values: dict[str, Any] = {
        "ranking": RANKINGS.index(ranking) if ranking in RANKINGS else 0,
        **{name: getattr(prep, name) for name in ("code_type", "score_tier", "score_min", "score_max")},
        **{name: getattr(prep, name) for name in ("audience", "reassign")},
        "public_source": prep.public_source,
    }
    markets = dict(picture.wave.campaign.markets.values_list("code", "pk"))
    return values | {f"limit_{markets[code]}": limit for code, limit in prep.limits.items() if code in markets}
