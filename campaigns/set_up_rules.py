"""What breaks the rules of a campaign's set-up, in words: as in ``catalogue_rules``, for forms and files alike."""

CAMPAIGN = {
    "campaigns_campaign_domain_once": ("domain", "Another campaign has this domain."),
    "campaigns_campaign_opens_before_close": ("close_at", "It closes after it opens: choose a later time."),
    "campaigns_campaign_closes_before_finish": ("finish_at", "It cannot finish before it closes."),
    "campaigns_campaign_presale_starts_before_end": ("presale_window_end_at", "The presale ends after its start."),
    "campaigns_campaign_color_form": ("accent_color", "Use a colour like #5b3fd6."),
    "campaigns_campaign_origins_form": ("allowed_origins", "Write one origin a line, as in https://fans.example."),
    "campaigns_campaign_waiting_room_range": ("waiting_room_minutes", "Between 1 minute and a day, 1440."),
    "campaigns_campaign_fanlist_has_no_dates": (
        "type",
        "A fanlist runs without dates: leave opening, closing and finish empty.",
    ),
}
MARKET = {
    "campaign,code": ("code", "Another one of this campaign has this code."),
    "campaign,number": ("number", "Another market of this campaign has this number."),
}
EVENT = {
    "campaign,code": ("code", "Another one of this campaign has this code."),
    "market,number": ("number", "Another date of this market has this place in the order."),
}
FIELD = {
    "campaign,key": ("key", "Another question of this campaign has this key."),
    "campaign,number": ("number", "Another question has this place in the order."),
    "campaigns_field_one_ranking": (
        "type",
        "The form has a market ranking already. Change that one, or put it out of use first.",
    ),
}
GATE = {"campaign,number": ("number", "Another gate has this place in the order.")}
CONTENT = {"campaign,locale": ("locale", "The campaign has texts in this locale already: change those.")}
FAQ = {
    "campaign,locale,page,number": ("number", "Another question of this page and locale has this place in the order.")
}
