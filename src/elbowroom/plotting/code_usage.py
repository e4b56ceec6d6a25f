"""Figure of how often each code of a quantized latent is chosen."""

from __future__ import annotations

import torch
from torch import Tensor

from elbowroom import noise
from elbowroom.formatting import latent_symbol
from elbowroom.models.code_usage import CodeUsage
from elbowroom.models.draw import Latent
from elbowroom.plotting.figure import Chart, FigureSpec, Line
from elbowroom.plotting.registry import register_figure
from elbowroom.runs.run_view import RunView

#: Sub-indices of codes too many to count that have a chart of their own, at most.
MAX_INDEX_CHARTS = 8


@register_figure("code_usage", "how often each code is chosen", "Usage of codes", "data", is_special=True)
def code_usage_figure(view: RunView) -> FigureSpec:
    """Return the codes' shares, the most frequent first; and how evenly each of several sub-indices is used.

    Raises:
        ValueError: no latent is quantized.
    """
    latents = {name: latent for name, latent in _named_latents(view).items() if latent.index_counts}
    if not latents:
        raise ValueError("the latents are not codes of a quantizer, whose use could be counted")
    charts = [chart for name, latent in latents.items() for chart in _charts(name, latent)]
    words = " ".join(_describe(name, latent) for name, latent in latents.items())
    caption = (
        f"Share of the choices that each code has, the most frequent first, at all positions of {view.split_words}; "
        f"grey is equal use. {words}"
    )
    return FigureSpec("Usage of codes", caption, view.describe_examples(len(view.batch.x)), charts)


def _named_latents(view: RunView) -> dict[str, Latent]:
    """Return the latents of the examples by their symbols; the name of a single one is empty."""
    x, y = view.batch.x.to(view.device), None if view.batch.y is None else view.batch.y.to(view.device)
    with torch.no_grad(), noise.zero_noise():
        latents = view.model.draw(x, y).latents
    return {latent_symbol(i) if len(latents) > 1 else "": latent for i, latent in enumerate(latents)}


def _charts(name: str, latent: Latent) -> list[Chart]:
    """Return the charts of a latent: of all codes, or of each sub-index where these are too many to count."""
    of_latent = f" of {name}" if name else ""
    if latent.code_counts is not None:
        charts = [_rank_chart(f"codes{of_latent}", latent.code_counts)]
    else:
        counts = latent.index_counts[:MAX_INDEX_CHARTS]
        charts = [_rank_chart(f"sub-index {h}{of_latent}", one) for h, one in enumerate(counts, 1)]
    return charts + ([_evenness_chart(of_latent, latent.index_counts)] if len(latent.index_counts) > 1 else [])


def _rank_chart(title: str, counts: Tensor) -> Chart:
    n, shares = len(counts), (counts / counts.sum()).sort(descending=True).values.tolist()
    ranks = [float(rank) for rank in range(1, n + 1)]
    lines = [Line("as chosen", ranks, shares, "model"), Line("equal use", [1, n], [1 / n, 1 / n], "quiet")]
    return Chart(title, lines, "code, by its rank", "share of the choices")


def _evenness_chart(of_latent: str, counts: list[Tensor]) -> Chart:
    evenness = [CodeUsage(one).perplexity.item() / len(one) for one in counts]
    numbers = [float(h) for h in range(1, len(counts) + 1)]
    lines = [
        Line("as chosen", numbers, evenness, "model", has_markers=True),
        Line("equal use", [1, len(counts)], [1, 1], "quiet"),
    ]
    return Chart(f"sub-indices{of_latent}", lines, "sub-index", "perplexity, share of its values", (0, 1.05))


def _describe(name: str, latent: Latent) -> str:
    """Return in a sentence how many codes are in use."""
    of_latent = f" of {name}" if name else ""
    if latent.code_counts is None:
        perplexities = ", ".join(f"{CodeUsage(counts).perplexity.item():.1f}" for counts in latent.index_counts)
        return f"The codes{of_latent} are too many to count; the sub-indices have a perplexity of {perplexities}."
    usage, n = CodeUsage(latent.code_counts), len(latent.code_counts)
    used = int((latent.code_counts > 0).sum())
    return f"{used:,} of {n:,} codes{of_latent} are in use, with a perplexity of {usage.perplexity.item():.1f}."
