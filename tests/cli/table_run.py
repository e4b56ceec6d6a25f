"""A small table with numbers, categories, a label and gaps, and the rows of a table as texts."""

import csv
import random


def write_people(path, n=300, label="left"):
    """Write a table: an age, an amount with gaps, a plan, a code with leading zeros, and a label, or a category."""
    rng = random.Random(0)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["age", "amount", "plan", "zip", label])
        for i in range(n):
            amount = "" if i % 5 == 0 else f"{1e6 + rng.gauss(0, 1e3):.2f}"
            plan, code = rng.choices(["basic", "plus", "pro"], [60, 30, 10])[0], rng.choice(["01234", "10115"])
            rows.writerow([rng.randint(18, 90), amount, plan, code, rng.choices(["no", "yes"], [80, 20])[0]])
    return path


def read_rows(path):
    """Return the rows of a table as dictionaries of texts."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))
