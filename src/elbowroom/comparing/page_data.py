"""The data of a comparison's page, from which its script draws tables, legend and charts: in a file, and live."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from elbowroom.comparing import curves, table
from elbowroom.formatting import format_count
from elbowroom.runs.settings import format_setting, setting_label

if TYPE_CHECKING:
    from elbowroom.comparing.comparison import Comparison, Group
    from elbowroom.comparing.entry import Entry


def comparison_data(comparison: Comparison) -> dict[str, Any]:
    """Return all that the page shows but curves and images, as JSON fields."""
    return {
        "split": comparison.split,
        "protocols": [{"letter": p.letter, "summary": p.summary if p.letter else ""} for p in comparison.protocols],
        "incomparable": comparison.comparability_notes,
        "notes": [f"{note[0].upper()}{note[1:].rstrip('.')}." for note in comparison.notes],
        "settings": comparison.differing_settings,
        "sort": comparison.sort,
        "groups": [
            _group_data(comparison, group, style)
            for group, style in zip(comparison.groups, curves.line_styles(comparison.groups), strict=True)
        ],
        "runs": [_run_data(i, entry) for i, group in enumerate(comparison.groups) for entry in group.entries],
        "tables": {
            "groups": table.to_json(table.group_table(comparison)),
            "runs": table.to_json(table.run_table(comparison)),
        },
        "excluded": [
            {"name": e.name, "state": e.state, "reason": e.exclusion_reason} for e in comparison.excluded_entries
        ],
        "shared": shared_facts(comparison),
        "curves": {
            "split": curves.find_curve_split(comparison),
            "terms": curves.curve_terms(comparison),
            "protocol": curves.curve_protocol(comparison),
        },
    }


def curve_data(comparison: Comparison) -> dict[str, dict[str, dict[str, list[float | None]]]]:
    """Return the curves of each run by its path: columns of the split that is shown."""
    split = curves.find_curve_split(comparison)
    return {entry.path: {split: curves.run_curves(entry, split)} for entry in comparison.entries if entry.rows}


def _group_data(comparison: Comparison, group: Group, style: curves.LineStyle) -> dict[str, Any]:
    return {
        "name": group.name,
        "protocol": comparison.protocols.index(group.protocol),
        "color": style.color,
        "dash": list(style.dash),
        "settings": {name: group.settings.get(name) for name in comparison.differing_settings},
    }


def _run_data(group_index: int, entry: Entry) -> dict[str, Any]:
    return {
        "run": entry.path,
        "name": entry.name,
        "group": group_index,
        "seed": entry.seed,
        "state": entry.state,
        "counts": entry.is_done,
    }


def summary_sentence(comparison: Comparison) -> str:
    """Return in words what is compared, in what it differs, and what the numbers are."""
    groups, runs = comparison.groups, [entry for entry in comparison.entries if entry.reference_entry is None]
    beside = ", with PCA beside them" if len(runs) < len(comparison.entries) else ""
    recipes = list(dict.fromkeys(str(entry.settings.get("recipe", "?")) for entry in runs if entry.run))
    names = [setting_label(name) for name in comparison.differing_settings if name != "recipe"]
    differ = f", which differ in {join_words(names)}" if names and len(groups) > 1 else ""
    data = list(dict.fromkeys(dict(p.data).get("data", "") for p in comparison.protocols))
    return (
        f"{format_count(len(runs), 'run')} of {join_words(recipes) or 'no recipe'} on {join_words(data)}{beside}: "
        f"{format_count(len(groups), 'group')}{differ}. "
        f"Metrics are means over a group's seeds, ± their standard deviation, on the {comparison.split} split."
    )


def shared_facts(comparison: Comparison) -> list[tuple[str, str]]:
    """Return the settings and the properties of the data that all runs share."""
    facts = [(setting_label(name), format_setting(value)) for name, value in comparison.shared_settings.items()]
    first, *others = [dict(protocol.data) for protocol in comparison.protocols]
    facts += [(name, value) for name, value in first.items() if all(data.get(name) == value for data in others)]
    if len({protocol.likelihood for protocol in comparison.protocols}) == 1:
        facts.append(("likelihood", comparison.protocols[0].likelihood))
    return facts


def join_words(names: list[str]) -> str:
    """Return names as words of a sentence.

    >>> join_words(["a", "b", "c"]), join_words(["a"]), join_words([])
    ('a, b and c', 'a', '')
    """
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else ""
