"""The table of published variants, docs/variants.md: the facts of docs/variants.csv joined with the recipes.

python docs/variants.py
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable
from pathlib import Path

FACTS = Path(__file__).with_suffix(".csv")
PAGE = Path(__file__).with_suffix(".md")
ARXIV = re.compile(r"arXiv (\d{4}\.\d{4,5})")
HEAD = """# Published variants, and who has them

Generated from [variants.csv](variants.csv) by `python docs/variants.py`, and checked against the registry of recipes.
The columns of others have the names of their models: pythae 0.1.2 and its main branch, PyTorch-VAE, MultiVae, and the
libraries named. An empty cell says that it was not found there.
Train a recipe by its name: `elbowroom train mvae --data mnist-fashion`; [recipes.md](recipes.md) has their flags.

"""
COLUMNS = ("variant", "source", "elbowroom", "pythae", "PyTorch-VAE", "MultiVae", "others")


def read_facts() -> list[dict[str, str]]:
    """Return the rows of the file of facts."""
    with FACTS.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def recipes_of(fact: dict[str, str]) -> list[str]:
    """Return the names of the recipes of a variant."""
    return [name for name in fact["recipes"].split("; ") if name]


def render_page(facts: Iterable[dict[str, str]]) -> str:
    """Return the page: a row for each variant, those that are missing here named below."""
    rows, missing = [], []
    for fact in facts:
        names = [f"`{name}`" for name in recipes_of(fact)]
        note = fact["note"]
        own = ", ".join(names) + (f" ({note})" if names and note else note)
        source = ARXIV.sub(r"[\1](https://arxiv.org/abs/\1)", fact["source"])
        theirs = (fact[column] for column in ("pythae", "pytorch_vae", "multivae", "others"))
        rows.append((fact["variant"], source, own or "–", *theirs))
        missing += [] if own else [fact["variant"]]
    lines = [COLUMNS, ("---",) * len(COLUMNS), *rows]
    table = "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)
    of_here = sum(bool(recipes_of(fact)) for fact in facts)
    below = f"\n{of_here} of {len(rows)} rows have a recipe."
    return f"{HEAD}{table}\n{below} Not here: {', '.join(missing) or 'none'}.\n"


def main() -> None:
    """Write the page."""
    PAGE.write_text(render_page(read_facts()), encoding="utf-8")
    print(PAGE)


if __name__ == "__main__":
    main()
