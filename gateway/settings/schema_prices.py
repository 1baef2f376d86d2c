"""The section `prices`: what models cost where the price list is wrong, silent, or not what was agreed."""

from gateway.settings.schema_types import Count, Day, Described, Id, ListOf, ModelPattern, Price


class RatesSection(Described):
    """US dollars for a million tokens of each kind."""

    input: Price | None = None
    """What is read."""
    output: Price | None = None
    """What is written."""
    cache_read: Price | None = None
    """Of input, from the cache; else as input."""
    cache_write_5m: Price | None = None
    """Of input, into it; else as input."""
    cache_write_1h: Price | None = None
    """Of input, into it for an hour; else as for five minutes."""
    audio_in: Price | None = None
    """Of input, sound; else as input."""
    image_in: Price | None = None
    """Of input, images; else as input."""
    reasoning: Price | None = None
    """Of output, reasoning; else as output."""
    audio_out: Price | None = None
    """Of output, sound; else as output."""
    image_out: Price | None = None
    """Of output, images; else as output."""


class AboveSection(RatesSection):
    """Rates of requests that read more than a number of tokens, for all of their tokens."""

    tokens: Count
    """The number."""


class MultipliersSection(Described):
    """What rates are times in service tiers, as answered; others cost the same, or as the dearest of these."""

    batch: Price | None = None
    """Answers within a day."""
    flex: Price | None = None
    """Slower."""
    priority: Price | None = None
    """Faster."""
    fast: Price | None = None
    """Faster, by another name."""
    ultrafast: Price | None = None
    """Faster still."""
    scale: Price | None = None
    """Capacity that was bought."""


class PriceSection(RatesSection):
    """A price that goes before the price list's; of several that fit, the most particular holds."""

    id: Id
    """Its name in explanations and usage records."""
    model: ModelPattern = "*"
    """The provider's name of the model, or a pattern."""
    provider: Id | None = None
    """At this provider only."""
    tenant: Id | None = None
    """For this tenant only."""
    since: Day | None = None
    """From this day (UTC) on, such as `2027-01-01`."""
    above: ListOf[AboveSection] = ()
    """Other rates for longer requests."""
    multipliers: MultipliersSection = MultipliersSection()
    """Other rates in other service tiers."""
    per_request: Price | None = None
    """US dollars for each request."""
    per_search: Price | None = None
    """US dollars for each search."""
