"""Structural similarity (SSIM), over one scale or several (MS-SSIM), and the loss that is made of it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from elbowroom.models.draw import Draw
from elbowroom.objectives.term import Term

#: Side of SSIM's window.
WINDOW_SIDE_PX = 11
#: Standard deviation of SSIM's Gaussian window.
WINDOW_SIGMA_PX = 1.5
#: The constants that keep luminance and structure defined where there is none, for values in [0, 1].
LUMINANCE_CONSTANT = 0.01**2
STRUCTURE_CONSTANT = 0.03**2
#: The exponents of the scales of MS-SSIM, the finest first.
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
#: A mean structure below this counts as this much: its power has no gradient at zero, and no value below.
MIN_STRUCTURE = 1e-4


def ssim(x: Tensor, y: Tensor) -> Tensor:
    r"""Return the structural similarity of images with values in [0, 1] (Wang, Bovik, Sheikh & Simoncelli 2004).

    .. math:: \mathrm{SSIM} = \frac{(2\mu_x\mu_y + c_1)(2\sigma_{xy} + c_2)}
        {(\mu_x^2 + \mu_y^2 + c_1)(\sigma_x^2 + \sigma_y^2 + c_2)},\quad c_1 = 0.01^2,\ c_2 = 0.03^2

    with moments weighted by a Gaussian window of 11x11 pixels and standard deviation 1.5, averaged over all
    positions where the window fits, and over channels.

    Args:
        x: (B, C, H, W).
        y: likewise.

    Returns:
        (B,), 1 for equal images.

    Deviation from the paper: for an image smaller than the window, the window is the largest odd square that fits
    (:func:`window_side`), so the SSIM of small images is not comparable with that of large ones.

    >>> x = torch.rand(2, 3, 16, 16)
    >>> ssim(x, x)
    tensor([1., 1.])
    """
    luminance, structure = _compare_windows(x, y)
    return (luminance * structure).flatten(1).mean(1)


def ms_ssim(x: Tensor, y: Tensor, scales: int | None = None) -> Tensor:
    r"""Return the structural similarity over several scales of images with values in [0, 1].

    .. math:: \mathrm{MS\text{-}SSIM} = l_M^{w_M} \prod_{j=1}^{M} c_j^{w_j}

    Wang, Simoncelli & Bovik 2003, doi 10.1109/ACSSC.2003.1292216: :math:`c_j` is the mean structure of both images
    after j − 1 halvings by averages of 2x2 pixels, and :math:`l_M` the luminance of the last, the product of which is
    averaged over positions at that scale, and the whole over channels. With one scale it is :func:`ssim`.

    Args:
        x: (B, C, H, W).
        y: likewise.
        scales: M, up to five; by default as many as :func:`count_scales` finds room for.

    Returns:
        (B,), 1 for equal images.

    Deviation from the paper: with fewer than five scales the exponents are divided by their sum.

    >>> x = torch.rand(2, 3, 48, 48)
    >>> ms_ssim(x, x), ms_ssim(x, 1 - x)[0] < 0.1
    (tensor([1., 1.]), tensor(True))
    """
    scales = count_scales(x.shape[-2:]) if scales is None else scales
    weights = torch.tensor(SCALE_WEIGHTS[:scales], dtype=x.dtype, device=x.device)
    levels = []
    for scale in range(scales):
        luminance, structure = _compare_windows(x, y)
        is_last = scale == scales - 1
        levels.append((luminance * structure if is_last else structure).flatten(2).mean(2))
        x, y = (x, y) if is_last else (F.avg_pool2d(x, 2), F.avg_pool2d(y, 2))
    if scales == 1:
        return levels[0].mean(1)
    bounded = torch.stack(levels, -1).clamp_min(MIN_STRUCTURE)
    return bounded.pow(weights / weights.sum()).prod(-1).mean(1)


def count_scales(size: Sequence[int]) -> int:
    """Return over how many scales MS-SSIM is for images of this height and width: as many as the window fits, up to 5.

    >>> count_scales((176, 200)), count_scales((64, 64)), count_scales((28, 28)), count_scales((8, 8))
    (5, 3, 2, 1)
    """
    return max(1, sum(min(size) >> scale >= WINDOW_SIDE_PX for scale in range(len(SCALE_WEIGHTS))))


def window_side(size: Sequence[int]) -> int:
    """Return the side of SSIM's window for images of this height and width.

    >>> window_side((28, 28)), window_side((8, 9))
    (11, 7)
    """
    smallest = min(size)
    return min(WINDOW_SIDE_PX, smallest if smallest % 2 else smallest - 1)


def _compare_windows(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Return the luminance and the structure of SSIM, (B, C, h, w) each, where the window fits."""
    side, channels = window_side(x.shape[-2:]), x.shape[1]
    offset = torch.arange(side, dtype=x.dtype, device=x.device) - side // 2
    gaussian = (-(offset**2) / (2 * WINDOW_SIGMA_PX**2)).exp()
    kernel = (gaussian[:, None] * gaussian / gaussian.sum() ** 2).expand(channels, 1, side, side)

    def window_mean(image: Tensor) -> Tensor:
        return F.conv2d(image, kernel, groups=channels)

    mean_x, mean_y = window_mean(x), window_mean(y)
    var_x, var_y = window_mean(x * x) - mean_x**2, window_mean(y * y) - mean_y**2
    cov = window_mean(x * y) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + LUMINANCE_CONSTANT) / (mean_x**2 + mean_y**2 + LUMINANCE_CONSTANT)
    structure = (2 * cov + STRUCTURE_CONSTANT) / (var_x + var_y + STRUCTURE_CONSTANT)
    return luminance, structure


class StructuralSimilarity(Term):
    r"""Structural loss :math:`1 - \mathrm{MS\text{-}SSIM}(x, \hat x)`, with :math:`\hat x` the mean of p(x|z).

    Snell et al. 2017, arXiv 1511.06409, with :func:`ms_ssim`, for images in [0, 1]. It is 0 for equal images
    and has no unit: beside a likelihood in nats, give it a weight of about the number of values of an example.

    Deviation from the paper: add it to a likelihood, do not replace one with it. It is not a log-probability, so
    ``elbo`` does not include it, and it hardly sees the brightness and the color of large areas.

    Args:
        shape: of an image, (C, H, W).
        scales: of MS-SSIM; by default as many as the image has room for, up to five.

    Raises:
        ValueError: the examples are no images, or too small for so many scales.

    >>> import elbowroom as er
    >>> model, elbo = er.recipes.conv_vae((3, 64, 64), latent=2)
    >>> elbo + 3 * 64 * 64 * StructuralSimilarity((3, 64, 64))
    ((reconstruction + kl) + (12288 * structural_similarity(3 scales)))
    """

    name = "structural_similarity"

    def __init__(self, shape: Sequence[int], scales: int | None = None) -> None:
        super().__init__()
        if len(shape) != 3 or min(shape[1:]) < 2:
            raise ValueError(
                f"structural similarity is of images (C, H, W), and these are {tuple(shape)}: leave it out"
            )
        most = count_scales(shape[1:])
        if scales is not None and not 1 <= scales <= most:
            raise ValueError(f"{scales} scales of images of {shape[1]}x{shape[2]}: give from 1 to {most}")
        self.scales = scales or most

    def forward(self, draw: Draw, step: Tensor) -> Tensor:
        mean = draw.p.mean
        x = draw.x.expand(mean.shape)
        return 1 - ms_ssim(mean.flatten(0, 1), x.flatten(0, 1), self.scales).mean()

    def __repr__(self) -> str:
        return f"{self.name}({self.scales} scale{'s' * (self.scales > 1)})"
