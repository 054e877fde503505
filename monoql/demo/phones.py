"""Mobile numbers of many countries, valid by their plan, for fans who do not exist.

The numbers are drawn from the whole plan, so that fans do not share one by chance; somebody may own one of
them. The demo sends nothing to a phone.
"""

from dataclasses import dataclass
from functools import cache

from monoql.demo.places import Home

# The fixed beginnings of a country's mobile numbers, each with the digits that follow: `N` is 2 to 9.
_MOBILE = {
    "AE": ("+97150#######", "+97155#######"),
    "AU": ("+6141#######", "+6143#######", "+61402######", "+61404######", "+61405######"),
    "BG": ("+35988#######", "+35987#######"),
    "CH": ("+4176#######", "+4178#######", "+4179#######"),
    "CN": ("+86136########", "+86138########", "+86139########", "+86158########"),
    "DE": ("+49151########", "+49160#######", "+49170#######", "+49171#######", "+49176########"),
    "EG": ("+2010########", "+2011########", "+2012########"),
    "ES": ("+3461#######", "+3462#######", "+3465#######", "+3466#######"),
    "FR": ("+3361#######", "+3362#######", "+3366#######", "+33676######", "+33768######"),
    "GB": ("+44777#######", "+44785#######", "+44788#######", "+44795#######", "+44740#######"),
    "GR": ("+3069########",),
    "IE": ("+35385#######", "+35386#######", "+35387#######"),
    "IN": ("+9198########", "+9199########", "+9197########"),
    "JP": ("+8190N#######", "+8180N#######", "+8170N#######"),
    "KR": ("+82102#######", "+82103#######", "+82104#######", "+82107#######"),
    "MA": ("+21266#######", "+21267#######"),
    "MY": ("+60122######", "+60132######", "+60162######", "+60172######", "+60123######"),
    "NZ": ("+64211######", "+64212######", "+64272######", "+64221######"),
    "PL": ("+4850#######", "+4860#######", "+4869#######"),
    "PT": ("+35191#######", "+35193#######", "+35196#######"),
    "SE": ("+46701######", "+46702######", "+46730######", "+46760######"),
    "SG": ("+6581######", "+6590######", "+6591######", "+6596######", "+6597######"),
    "TH": ("+6681#######", "+6689#######", "+6686#######"),
    "TW": ("+88691#######", "+88692#######", "+88693#######"),
    "UA": ("+38050#######", "+38067#######", "+38063#######"),
    "VN": ("+8490#######", "+8491#######", "+8498#######"),
}
_MOBILE_WITH_AREA = {
    "US": "+1{area}N######",
    "CA": "+1{area}N######",
    "MX": "+52{area}{digits}",
    "BR": "+55{area}99#######",
}


@dataclass(frozen=True, slots=True)
class NumberRange:
    """A run of phone numbers: the prefix, then a number of so many digits from low up to but not high."""

    prefix: str
    low: int
    high: int
    digits: int

    def number(self, share: float) -> str:
        """Give the number, in E.164, that lies at the share (0 up to but not 1) of the run."""
        value = self.low + int(share * (self.high - self.low))
        if self.prefix.startswith("+1") and value // 10_000 % 100 == 11:
            # 211 to 911 are services in North America and never begin a subscriber's number.
            value += 10_000
        return f"{self.prefix}{value:0{self.digits}d}"


def _range(template: str) -> NumberRange:
    prefix = template.rstrip("#")
    digits = len(template) - len(prefix)
    if prefix.endswith("N"):
        return NumberRange(prefix[:-1], 2 * 10**digits, 10 ** (digits + 1), digits + 1)
    return NumberRange(prefix, 0, 10**digits, digits)


@cache
def number_ranges(home: Home) -> tuple[NumberRange, ...]:
    """Give the runs of numbers that people of the town have."""
    pattern = _MOBILE_WITH_AREA.get(home.country)
    if pattern is None:
        return tuple(_range(template) for template in _MOBILE[home.country])
    return tuple(_range(pattern.format(area=area, digits="N" + "#" * (9 - len(area)))) for area in home.dial_codes)
