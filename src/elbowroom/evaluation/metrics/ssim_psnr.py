"""Peak signal-to-noise ratio (PSNR) of images, beside their structural similarity (SSIM)."""

from __future__ import annotations

from torch import Tensor

from elbowroom.objectives.structural import WINDOW_SIDE_PX, ssim, window_side

__all__ = ["WINDOW_SIDE_PX", "psnr", "ssim", "window_side"]


def psnr(x: Tensor, y: Tensor) -> Tensor:
    r"""Return the peak signal-to-noise ratio of images with values in [0, 1].

    .. math:: \mathrm{PSNR} = -10 \log_{10} \mathrm{MSE}

    Args:
        x: (B, C, H, W).
        y: likewise.

    Returns:
        (B,), decibels; at most 100, the value for equal images.

    >>> import torch
    >>> x = torch.zeros(1, 1, 4, 4)
    >>> psnr(x, x + 0.1)
    tensor([20.])
    """
    return -10 * (x - y).square().flatten(1).mean(1).clamp_min(1e-10).log10()
