"""Where in a picture its strangeness lies, in colours."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from elbowroom.plotting.image_grid import INK_RGB, MARGIN_PX, MUTED_RGB, PAPER_RGB, TEXT_PX, _draw_grid, to_pil_image

#: Colours from the least to the most: dark to bright for shares of −log p, blue over white to red for ratios.
SEQUENTIAL_COLORS = ((0, 0, 4), (87, 16, 110), (188, 55, 84), (249, 142, 9), (252, 255, 164))
DIVERGING_COLORS = ((33, 102, 172), (146, 197, 222), (247, 247, 247), (244, 165, 130), (178, 24, 43))


def heatmap_grid(blocks: Sequence[tuple[str, Tensor, Tensor, Tensor, Tensor | None]], caption: str = "") -> Image.Image:
    """Pictures over their reconstructions over heat maps, one block of rows for each set, all on one scale.

    Args:
        blocks: (title, x, reconstruction, heat, ratio): pictures (N, C, H, W) twice, and (N, H, W) in nats twice, the
            last of which may be missing.
        caption: goes under the grid.

    >>> x = torch.rand(4, 1, 8, 8)
    >>> heatmap_grid([("digits", x, x, x[:, 0], x[:, 0] - 0.5)]).mode
    'RGB'
    """
    low, high = _robust_range([heat for *_, heat, _ in blocks])
    ratios = [ratio for *_, ratio in blocks if ratio is not None]
    far = max(map(abs, _robust_range(ratios))) if ratios else 1.0
    sheets: list[Image.Image] = []
    for title, x, again, heat, ratio in blocks:
        rows, titles = [x, again, apply_colormap(heat, low, high, SEQUENTIAL_COLORS)], [title, "model", "-log p(x|z)"]
        if ratio is not None:
            rows.append(apply_colormap(ratio, -far, far, DIVERGING_COLORS))
            titles.append("ratio")
        sheets.append(_draw_grid(rows, titles, caption if len(sheets) == len(blocks) - 1 else ""))
    bars = [(f"-log p(x|z) by pixel: {low:.1f} to {high:.1f} nats", SEQUENTIAL_COLORS)]
    if ratios:
        bars.append((f"ratio, log p0(x) - log p(x|z) by pixel: {-far:.1f} to {far:.1f} nats", DIVERGING_COLORS))
    return _add_color_bars(sheets, bars)


def apply_colormap(values: Tensor, low: float, high: float, colors: Sequence[tuple[int, int, int]]) -> Tensor:
    """Numbers as colours, (N, H, W) to (N, 3, H, W) in [0, 1]; those outside get the ends.

    >>> apply_colormap(torch.tensor([[[0.0, 5.0]]]), 0, 1, [(0, 0, 0), (255, 0, 0)])[0, 0]
    tensor([[0., 1.]])
    """
    place = ((values.cpu().double() - low) / max(high - low, 1e-12)).clamp(0, 1).numpy() * (len(colors) - 1)
    table = np.array(colors) / 255
    channels = [np.interp(place, np.arange(len(table)), table[:, channel]) for channel in range(3)]
    return torch.from_numpy(np.stack(channels, 1)).float()


def _robust_range(maps: Sequence[Tensor]) -> tuple[float, float]:
    """The values that most pixels lie between; a few far out would leave the others without contrast."""
    values = np.concatenate([m.detach().cpu().double().numpy().ravel() for m in maps])
    low, high = np.quantile(values, [0.005, 0.995])
    return float(low), float(high)


def _add_color_bars(
    sheets: Sequence[Image.Image], bars: Sequence[tuple[str, Sequence[tuple[int, int, int]]]]
) -> Image.Image:
    """The sheets one below the other, and a bar of each scale of colours under them."""
    font = ImageFont.load_default(TEXT_PX)
    wide, step = 90, TEXT_PX + 12
    widths = [MARGIN_PX * 2 + wide + 10 + int(font.getlength(text)) for text, _ in bars]
    closer = TEXT_PX + MARGIN_PX  # the line that each but the last keeps for what it does not say
    top = sum(sheet.height for sheet in sheets) - closer * (len(sheets) - 1)
    whole = Image.new("RGB", (max(*widths, *(s.width for s in sheets)), top + step * len(bars) + 2), PAPER_RGB)
    for i, sheet in enumerate(sheets):
        whole.paste(sheet, (0, sum(above.height - closer for above in sheets[:i])))
    pen = ImageDraw.Draw(whole)
    for text, colours in bars:
        scale = apply_colormap(torch.linspace(0, 1, wide)[None, None], 0, 1, colours)[0].expand(-1, TEXT_PX, -1)
        whole.paste(to_pil_image(scale), (MARGIN_PX, top))
        pen.rectangle([MARGIN_PX, top, MARGIN_PX + wide - 1, top + TEXT_PX - 1], outline=MUTED_RGB)
        pen.text((MARGIN_PX + wide + 10, top + TEXT_PX / 2), text, INK_RGB, font, anchor="lm")
        top += step
    return whole
