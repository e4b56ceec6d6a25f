"""Colors of labels, which the color-blind can tell apart."""

import numpy as np
import torch

from elbowroom.plotting.style import CLASS_COLORS, color_labels


def test_labels_give_colors_to_classes_and_a_scale_to_values():
    assert color_labels(torch.tensor([1, 0]), None).classes == ("0", "1")
    assert color_labels(torch.arange(30), None).classes == ()
    assert color_labels(torch.tensor([0.1, 7.0]), None).classes == ()
    assert color_labels(torch.zeros(3, 40), None) is None
    assert color_labels(None, None) is None


def test_colors_stay_apart_for_the_color_blind():
    """Any two of the ten, as seen with each of the three kinds of cones missing, in OKLab."""
    missing = {
        "none": np.eye(3),
        "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
        "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
        "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
    }
    to_cones = [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
                [0.0883024619, 0.2817188376, 0.6299787005]]  # fmt: skip
    to_lab = [[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
              [0.0259040371, 0.7827717662, -0.8086757660]]  # fmt: skip
    values = np.array([[int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)] for c in CLASS_COLORS])
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    for eye, matrix in missing.items():
        seen = np.clip(linear @ np.array(matrix).T, 0, 1)
        lab = np.cbrt(seen @ np.array(to_cones).T) @ np.array(to_lab).T
        distance = np.linalg.norm(lab[:, None] - lab[None], axis=-1) + np.eye(10)
        assert distance.min() > 0.09, eye
