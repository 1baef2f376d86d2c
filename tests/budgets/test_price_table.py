"""Prices from the package and from the operator, and what holds where nobody knows one."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import genai_prices
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from budgets.money import NANO
from budgets.price import FREE, STANDARD, Price, ceiling, checked, cost
from budgets.price_file import PricedModel, Seed, load_seed, save_seed, seed_path
from budgets.price_override import Override
from budgets.price_seed import read_package
from budgets.price_spec import read_price
from budgets.price_table import PriceTable, Seller
from budgets.usage import INPUT_PARTS, Tokens

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp()
OPENAI, ANTHROPIC = Seller("my-openai", "openai"), Seller("claude", "anthropic")
DAY = 86_400


@pytest.fixture(scope="module")
def seed() -> Seed:
    return read_package()


@pytest.fixture(scope="module")
def table(seed: Seed) -> PriceTable:
    return PriceTable(seed)


def test_the_file_says_what_the_package_says(seed: Seed, tmp_path: Path) -> None:
    save_seed(seed, seed_path(tmp_path))
    assert load_seed(tmp_path) == seed
    assert [path.name for path in tmp_path.iterdir()] == [seed_path(tmp_path).name]


@pytest.mark.timeout(200)  # another Python, on a machine that may be busy
def test_the_file_is_made_when_it_is_not_what_it_should_be(seed: Seed, tmp_path: Path) -> None:
    seed_path(tmp_path).write_text("{")
    assert load_seed(tmp_path) == seed


def test_prices_are_those_of_the_package(table: PriceTable) -> None:
    """The package works it out from the same counts, with its own arithmetic."""
    used = Tokens(300_000, 2_000, cache_read=100_000, cache_write_5m=50_000, cache_write_1h=10_000)
    for seller, model, long_writes in (
        (ANTHROPIC, "claude-sonnet-4-5", True),
        (ANTHROPIC, "claude-haiku-4-5-20251001", True),
        (OPENAI, "gpt-5", False),
        (OPENAI, "gpt-4o-mini", False),
        (Seller("g", "google"), "gemini-2.5-pro", False),
    ):
        counted = used if long_writes else structs.replace(used, cache_write_5m=0, cache_write_1h=0)
        theirs = genai_prices.Usage(
            input_tokens=counted.input,
            output_tokens=counted.output,
            cache_read_tokens=counted.cache_read,
            **(
                {
                    "cache_write_tokens": counted.cache_write_5m + counted.cache_write_1h,
                    "cache_write_5m_tokens": counted.cache_write_5m,
                    "cache_write_1h_tokens": counted.cache_write_1h,
                }
                if long_writes
                else {}
            ),
        )
        when = datetime.fromtimestamp(NOW, UTC)
        due = genai_prices.calc_price(
            theirs, model, provider_id=seller.vendor, genai_request_timestamp=when
        ).total_price
        price = table.price(seller, model, "a", NOW)
        assert price.known and cost(price, counted) == due * NANO, model


def test_every_price_of_the_package_makes_sense_and_the_worst_is_the_worst(seed: Seed) -> None:
    count = 0
    table = PriceTable(seed)
    for vendor in seed.vendors:
        worst = table.price(Seller("x", vendor.id), "no such model", "a", NOW)
        assert checked(worst) and not worst.known and not worst.free
        for model in vendor.models:
            for dated in model.prices:
                count += 1
                price = checked(Price("", dated.tiers, dated.per_request, dated.per_search))
                for read, written in ((1000, 1000), (300_000, 5)):
                    most = ceiling(price, read, written, 1)
                    assert most <= ceiling(worst, read, written, 1), (vendor.id, model.id)
    assert count > 2000 and len(seed.problems) < 0.1 * count


def test_what_is_left_out_is_said_and_is_unknown(seed: Seed, table: PriceTable) -> None:
    assert any(one.startswith("openai/whisper-1: priced by audio_hours") for one in seed.problems)
    assert not table.price(OPENAI, "whisper-1", "a", NOW).known


def test_a_price_that_nobody_knows_is_the_worst_and_never_nothing(table: PriceTable) -> None:
    here, anywhere = (table.price(seller, "gpt-99", "a", NOW) for seller in (OPENAI, Seller("stranger")))
    assert not here.known and not anywhere.known
    used = Tokens(1000, 1000)
    assert 0 < cost(here, used) <= cost(anywhere, used)
    with pytest.raises(LookupError):
        PriceTable(None).price(OPENAI, "gpt-99", "a", NOW)


def test_tiers_of_the_package(table: PriceTable) -> None:
    price, used = table.price(OPENAI, "gpt-5", "a", NOW), Tokens(1000, 1000)
    standard = cost(price, used)
    assert cost(price, used, "flex") == cost(price, used, "batch") == standard // 2
    assert cost(price, used, "priority") == cost(price, used, "fast") == standard * 2


def test_prices_change_on_their_day(table: PriceTable) -> None:
    before = datetime(2026, 10, 1, tzinfo=UTC).timestamp()
    assert set(table.price(OPENAI, "gpt-5", "a", before).tiers) == {STANDARD}
    assert "flex" in table.price(OPENAI, "gpt-5", "a", NOW).tiers


def test_local_models_are_free_unless_somebody_says_otherwise(seed: Seed) -> None:
    local = Seller("local", local=True)
    assert PriceTable(seed).price(local, "llama3.2", "a", NOW) is FREE
    power = Override("power", read_price({"output": "0.01"}, "power"), provider="local")
    assert PriceTable(seed, [power]).price(local, "llama3.2", "a", NOW) is power.price


def test_a_model_sold_by_another(table: PriceTable) -> None:
    assert table.price(Seller("azure-1", "azure"), "gpt-4.1-nano", "a", NOW).known


def test_vendors_are_known_by_address_and_by_name(seed: Seed) -> None:
    for url, names, vendor in (
        ("https://api.openai.com/v1", (), "openai"),
        ("https://api.groq.com/openai/v1", ("openai",), "groq"),
        ("https://x.openai.azure.com", (), "azure"),
        ("http://127.0.0.1:9", ("mistral",), "mistral"),
        ("", ("Gemini",), "google"),
    ):
        found = seed.vendor(url, *names)
        assert found is not None and found.id == vendor
    assert seed.vendor("http://127.0.0.1:9", "nobody") is None


def own(name: str, usd: str, **where: object) -> Override:
    return Override(name, read_price({"input": usd}, name), **where)  # type: ignore[arg-type]


def test_of_overrides_the_most_particular_holds_and_then_the_latest(seed: Seed) -> None:
    overrides = [
        own("everything", "1"),
        own("gpt", "2", model="gpt-*"),
        own("gpt-5 family", "3", model="gpt-5*"),
        own("gpt-5", "4", model="gpt-5"),
        own("gpt-5 later", "5", model="gpt-5", effective_from=NOW + 10),
        own("gpt-5 much later", "6", model="gpt-5", effective_from=NOW + 3 * DAY),
        own("there", "7", provider="claude"),
        own("theirs", "8", tenant="big"),
        own("theirs there", "9", tenant="big", provider="claude"),
    ]
    table = PriceTable(seed, overrides)

    def holds(seller: Seller, model: str, tenant: str, at: float) -> str:
        found = table.price(seller, model, tenant, at).version
        assert found == table.price(seller, model, tenant, at).version  # kept, the same
        return found

    assert holds(OPENAI, "o3", "a", NOW) == "everything"
    assert holds(OPENAI, "gpt-4o", "a", NOW) == "gpt"
    assert holds(OPENAI, "gpt-5-mini", "a", NOW) == "gpt-5 family"
    assert holds(OPENAI, "gpt-5", "a", NOW) == "gpt-5"
    assert holds(OPENAI, "gpt-5", "a", NOW + 10) == "gpt-5 later"
    assert holds(OPENAI, "gpt-5", "a", NOW + 3 * DAY) == "gpt-5 much later"
    assert holds(ANTHROPIC, "gpt-5", "a", NOW) == "there"
    assert holds(OPENAI, "gpt-5", "big", NOW) == "theirs"
    assert holds(ANTHROPIC, "gpt-5", "big", NOW) == "theirs there"


def test_what_is_kept_is_bounded(seed: Seed) -> None:
    table = PriceTable(seed, [own("everything", "1")])
    for number in range(25_000):
        table.price(OPENAI, f"model-{number}", "a", NOW)
    assert len(table._kept) <= 10_000


def test_an_explanation_says_every_step(seed: Seed) -> None:
    later = own("later", "5", model="gpt-5", effective_from=NOW + 3 * DAY)
    steps = PriceTable(seed, [later]).explain(OPENAI, "gpt-5", "a", NOW)
    assert steps[0].looked_at == "own price later" and "not before 2026-11-24" in steps[0].found
    assert steps[1].holds and "openai/gpt-5" in steps[1].found
    shown = {step.looked_at: step.found for step in steps[2:]}
    assert shown["flex"] == "input $0.625, cache_read $0.0625, output $5.00"
    assert any(step.looked_at == "unknown price" for step in PriceTable(seed).explain(OPENAI, "no", "a", NOW))


def test_a_price_that_an_operator_writes() -> None:
    spec = {
        "input": Decimal(3),
        "cache_read": "0.3",
        "cache_write_5m": "3.75",
        "output": 15,
        "above": {200_000: {"input": 6, "output": "22.5"}},
        "multipliers": {"batch": "0.5"},
        "per_search": "0.01",
    }
    price = read_price(spec, "mine 1")
    assert cost(price, Tokens(1000, 10, cache_read=500, searches=1)) == (
        500 * 3000 + 500 * 300 + 10 * 15000 + 10_000_000
    )
    assert cost(price, Tokens(200_001, 0)) == 200_001 * 6000
    assert cost(price, Tokens(200_001, 0, cache_read=1)) == 200_001 * 6000  # as input, said of neither
    assert cost(price, Tokens(1000, 10), "batch") == (1000 * 3000 + 10 * 15000) // 2
    assert price.version == "mine 1" and price.known
    # Nor is anything that goes with another kind left behind below the threshold.
    assert cost(price, Tokens(200_001, 0, cache_write_5m=1)) == 200_001 * 6000
    dear = read_price({"input": 1, "audio_in": 10, "above": {10: {"input": 2}}}, "dear")
    assert cost(dear, Tokens(11, 0, audio_in=11)) == 110_000
    plain = read_price({"input": 1, "above": {10: {"input": 2}}}, "plain")
    assert all(cost(plain, structs.replace(Tokens(11, 0), **{kind: 11})) == 22_000 for kind in INPUT_PARTS)


@pytest.mark.parametrize(
    "spec",
    [
        {},
        {"per_search": 1},
        {"inputs": 1},
        {"input": -1},
        {"input": "NaN"},
        {"input": 1, "cache_read": 2},
        {"input": 2, "above": {10: {"input": 1}}},
        {"input": 2, "multipliers": {"batch": -1}},
    ],
)
def test_prices_that_make_no_sense_are_refused(spec: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        read_price(spec, "odd")


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_multipliers_are_worked_in_exactly_or_up(read: int, written: int) -> None:
    price = read_price({"input": "0.15", "output": "0.6", "multipliers": {"third": "0.333"}}, "x")
    exact = (read * 150 + written * 600) * 333 / 1000
    assert cost(price, Tokens(read, written), "third") >= exact - 0.001


def test_models_hold_their_notes(seed: Seed) -> None:
    models: list[PricedModel] = [model for vendor in seed.vendors for model in vendor.models]
    assert any("storage_searches" in note for model in models for note in model.notes)
