"""Heat maps of an anomaly score by pixel, below the images and their reconstructions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from elbowroom.plotting.image_grid import (
    INK_RGB,
    MARGIN_PX,
    MUTED_RGB,
    PAPER_RGB,
    TEXT_PX,
    draw_grid,
    text_font,
    to_pil_image,
)

#: RGB from the least to the most, dark to bright: −log p by pixel.
SEQUENTIAL_COLORS = ((0, 0, 4), (87, 16, 110), (188, 55, 84), (249, 142, 9), (252, 255, 164))
#: RGB from the least to the most, blue over white to red: log ratios by pixel.
DIVERGING_COLORS = ((33, 102, 172), (146, 197, 222), (247, 247, 247), (244, 165, 130), (178, 24, 43))
#: Of a bar that shows a color scale.
BAR_WIDTH_PX = 90


def heatmap_grid(blocks: Sequence[tuple[str, Tensor, Tensor, Tensor, Tensor | None]], caption: str = "") -> Image.Image:
    """Draw images above their reconstructions and heat maps, one block of rows for each set, all on one scale.

    Args:
        blocks: (title, x, reconstruction, heat, ratio): images (N, C, H, W) twice, and maps (N, H, W) in nats twice,
            the last of which may be None.
        caption: text under the grid.

    >>> x = torch.rand(4, 1, 8, 8)
    >>> heatmap_grid([("digits", x, x, x[:, 0], x[:, 0] - 0.5)]).mode
    'RGB'
    """
    low, high = _robust_range([heat for *_, heat, _ in blocks])
    ratios = [ratio for *_, ratio in blocks if ratio is not None]
    reach = max(map(abs, _robust_range(ratios))) if ratios else 1.0
    grids: list[Image.Image] = []
    for title, x, reconstruction, heat, ratio in blocks:
        rows = [x, reconstruction, apply_colormap(heat, low, high, SEQUENTIAL_COLORS)]
        titles = [title, "model", "-log p(x|z)"]
        if ratio is not None:
            rows.append(apply_colormap(ratio, -reach, reach, DIVERGING_COLORS))
            titles.append("ratio")
        grids.append(draw_grid(rows, titles, caption if len(grids) == len(blocks) - 1 else ""))
    bars = [(f"-log p(x|z) by pixel: {low:.1f} to {high:.1f} nats", SEQUENTIAL_COLORS)]
    if ratios:
        bars.append((f"ratio, log p0(x) - log p(x|z) by pixel: {-reach:.1f} to {reach:.1f} nats", DIVERGING_COLORS))
    return _add_color_bars(grids, bars)


def apply_colormap(values: Tensor, low: float, high: float, colors: Sequence[tuple[int, int, int]]) -> Tensor:
    """Map numbers (N, H, W) to colors (N, 3, H, W) in [0, 1], interpolated between low and high and clipped to them.

    >>> apply_colormap(torch.tensor([[[0.0, 5.0]]]), 0, 1, [(0, 0, 0), (255, 0, 0)])[0, 0]
    tensor([[0., 1.]])
    """
    position = ((values.cpu().double() - low) / max(high - low, 1e-12)).clamp(0, 1).numpy() * (len(colors) - 1)
    table = np.array(colors) / 255
    channels = [np.interp(position, np.arange(len(table)), table[:, channel]) for channel in range(3)]
    return torch.from_numpy(np.stack(channels, 1)).float()


def _robust_range(maps: Sequence[Tensor]) -> tuple[float, float]:
    """Return the 0.5 % and 99.5 % quantiles; outliers would leave the other pixels without contrast."""
    values = np.concatenate([m.detach().cpu().double().numpy().ravel() for m in maps])
    low, high = np.quantile(values, [0.005, 0.995])
    return float(low), float(high)


def _add_color_bars(
    grids: Sequence[Image.Image], bars: Sequence[tuple[str, Sequence[tuple[int, int, int]]]]
) -> Image.Image:
    """Stack the grids, and under them a labeled bar of each color scale."""
    font = text_font()
    step = TEXT_PX + 12
    widths = [MARGIN_PX * 2 + BAR_WIDTH_PX + 10 + int(font.getlength(text)) for text, _ in bars]
    # Only the last grid has a caption: the others overlap by the line that theirs would take.
    overlap = TEXT_PX + MARGIN_PX
    top = sum(grid.height for grid in grids) - overlap * (len(grids) - 1)
    image = Image.new("RGB", (max(*widths, *(grid.width for grid in grids)), top + step * len(bars) + 2), PAPER_RGB)
    for i, grid in enumerate(grids):
        image.paste(grid, (0, sum(above.height - overlap for above in grids[:i])))
    canvas = ImageDraw.Draw(image)
    ramp = torch.linspace(0, 1, BAR_WIDTH_PX)[None, None]
    for text, colors in bars:
        bar = apply_colormap(ramp, 0, 1, colors)[0].expand(-1, TEXT_PX, -1)
        image.paste(to_pil_image(bar), (MARGIN_PX, top))
        canvas.rectangle([MARGIN_PX, top, MARGIN_PX + BAR_WIDTH_PX - 1, top + TEXT_PX - 1], outline=MUTED_RGB)
        canvas.text((MARGIN_PX + BAR_WIDTH_PX + 10, top + TEXT_PX / 2), text, INK_RGB, font, anchor="lm")
        top += step
    return image
