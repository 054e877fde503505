"""What breaks the catalogue's rules, in words: constraint, or its unique columns → where it is told, and what to do."""

ARTIST = {"campaigns_artist_discovery_id_once": ("discovery_id", "Another artist has this id.")}
VENUE = {
    "name,city,country": ("country", "There is a venue with this name in this city and country already."),
    "campaigns_venue_latitude_range": ("latitude", "A latitude lies between −90 and 90 degrees."),
    "campaigns_venue_longitude_range": ("longitude", "A longitude lies between −180 and 180 degrees."),
    "campaigns_venue_both_coordinates": ("longitude", "Give both coordinates, or neither."),
}
PROMOTER = {"name": ("name", "There is a promoter with this name already.")}
POLICY = {"promoter,locale": ("locale", "This locale has an address already.")}
TRACKER = {
    "kind,identifier,url": ("identifier", "There is a tracker of this kind with this id or address already."),
    "campaigns_tracker_identifier_or_url": (
        "kind",
        "An image needs an address and no id; every other kind needs its id and no address.",
    ),
}
LOCALE: dict[str, tuple[str, str]] = {}
