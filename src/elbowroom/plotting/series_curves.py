"""Examples that are series: each channel a curve over the steps, in the units of the source."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor

from elbowroom.data.series_scaling import recorded_scaling
from elbowroom.formatting import format_number
from elbowroom.plotting.figure import Chart, Line
from elbowroom.runs.run_view import RunView

X_AXIS = "step"
#: Channels that are drawn, each in a chart of its own.
MAX_CHANNELS = 4
#: Series with their reconstruction, or another beside.
MAX_PAIRS = 3
#: Drawn series in a chart.
MAX_CURVES = 8


def channel_names(view: RunView) -> list[str]:
    """Return the names of the channels, numbers where the source has none."""
    names = (view.record["data"].get("series") or {}).get("channels") or list(map(str, range(view.shape[0])))
    return name_channels(names)


def name_channels(names: Iterable[str]) -> list[str]:
    """Return what the channels of a source are called in a figure.

    >>> name_channels(["0", "pulse"])
    ['channel 0', 'pulse']
    """
    return [f"channel {name}" if name.isdecimal() else name for name in names]


def restore_units(view: RunView, x: Tensor) -> Tensor:
    """Return series (..., C, T) in the units of the source."""
    scaling = recorded_scaling(view.record["data"])
    return x if scaling is None else scaling.restore(x)


def curve(name: str, values: Tensor, role: str | float) -> Line:
    """Return a line over the steps of (T,) that have a value; a gap is spanned."""
    steps = (~values.isnan()).nonzero().flatten()
    return Line(name, (steps + 1).tolist(), values[steps].tolist(), role)


def pair_curves(view: RunView, titles: list[str], data: Tensor, output: Tensor, names: tuple[str, str]) -> list[Chart]:
    """Return a chart for each channel of a few series, of data and the model's output: (N, C, T) each."""
    pairs = zip(titles, restore_units(view, data), restore_units(view, output), strict=True)
    return [
        Chart(f"{title}, {channel}", [curve(names[0], a[c], "data"), curve(names[1], b[c], "model")], X_AXIS, channel)
        for title, a, b in list(pairs)[:MAX_PAIRS]
        for c, channel in enumerate(channel_names(view)[:MAX_CHANNELS])
    ]


def sample_curves(view: RunView, x: Tensor) -> list[Chart]:
    """Return a chart for each channel, of drawn series (N, C, T) between the 5 % and 95 % quantiles of the data."""
    data, drawn = restore_units(view, view.batch.x), restore_units(view, x[:MAX_CURVES])
    edges = [(f"{q:.0%} of the data lie below", data.nanquantile(q, 0)) for q in (0.05, 0.95)]
    return [
        Chart(
            channel,
            [
                *(curve(name, edge[c], "data") for name, edge in edges),
                *(curve(f"sample {i}", one[c], "model") for i, one in enumerate(drawn, 1)),
            ],
            X_AXIS,
            channel,
        )
        for c, channel in enumerate(channel_names(view)[:MAX_CHANNELS])
    ]


def path_curves(view: RunView, title: str, x: Tensor, positions: Tensor) -> Chart:
    """Return a chart of every second series (T, C, steps) along a latent path, of the channel that changes most."""
    c = int((x - x.mean(0)).square().mean((0, 2)).argmax())
    fractions = (positions - positions[0]) / (positions[-1] - positions[0])
    values, channel = restore_units(view, x)[:, c], channel_names(view)[c]
    lines = [
        curve(format_number(round(positions[i].item(), 1)), values[i], fractions[i].item()) for i in range(0, len(x), 2)
    ]
    return Chart(f"{title}, {channel}" if x.shape[1] > 1 else title, lines, X_AXIS, channel)
