"""Prints what two public tables say of models.

    python prices.py WHEEL-OF-LITELLM MODELS

MODELS begins with a line that has the day, `2026-11-25`; then it has one model per line, `PROVIDER ID`. Prints one
JSON object per line for each table that has a model: `table`, `id`, and the rates in dollars per million tokens as
decimal texts, those above a number of input tokens by that number.
"""

from __future__ import annotations

import datetime
import json
import re
import sys
import zipfile
from decimal import Decimal
from pathlib import Path

from genai_prices.data import providers
from genai_prices.types import ModelPrice, TieredPrices

RATES = {
    "input": ("input_cost_per_token", "input_mtok"),
    "output": ("output_cost_per_token", "output_mtok"),
    "input-cached": ("cache_read_input_token_cost", "cache_read_mtok"),
    "input-cache-written": ("cache_creation_input_token_cost", "cache_write_mtok"),
}
TABLE = "litellm/model_prices_and_context_window_backup.json"


def plain(amount: Decimal) -> str:
    return format(amount.normalize(), "f")


def of_litellm(row: dict) -> dict:
    def rates(end: str) -> dict:
        found = {name: row.get(f"{key}{end}") for name, (key, _) in RATES.items()}
        return {
            name: plain(Decimal(str(cost)) * 1_000_000)
            for name, cost in found.items()
            if cost is not None
        }

    tiers = {
        int(m[1]) * 1_000
        for key in row
        if (m := re.fullmatch(r"input_cost_per_token_above_(\d+)k_tokens", key))
    }
    return {
        **rates(""),
        "above": {str(t): rates(f"_above_{t // 1_000}k_tokens") for t in sorted(tiers)},
    }


def of_genai_prices(price: ModelPrice) -> dict:
    base, above = {}, {}
    for name, (_, key) in RATES.items():
        rate = getattr(price, key, None)
        if isinstance(rate, TieredPrices):
            for tier in rate.tiers:
                above.setdefault(str(tier.start), {})[name] = plain(tier.price)
            rate = rate.base
        if rate is not None:
            base[name] = plain(rate)
    return {**base, "above": above}


def main() -> None:
    with zipfile.ZipFile(sys.argv[1]) as wheel:
        litellm = json.loads(wheel.read(TABLE))
    by_id = {provider.id: provider for provider in providers}
    day, *models = Path(sys.argv[2]).read_text(encoding="utf-8").splitlines()
    noon = datetime.datetime.fromisoformat(f"{day}T12:00:00+00:00")
    for line in models:
        provider, model = line.split()
        if model in litellm:
            print(
                json.dumps(
                    {"table": "litellm", "id": model, **of_litellm(litellm[model])}
                )
            )
        found = by_id[provider].find_model(model)
        if found is not None:
            print(
                json.dumps(
                    {
                        "table": "genai-prices",
                        "id": model,
                        **of_genai_prices(found.get_prices(noon)),
                    }
                )
            )


if __name__ == "__main__":
    main()
