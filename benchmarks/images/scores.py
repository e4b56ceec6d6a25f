"""Scores of samples of faces: FID and KID, the share in which a detector finds a face, distance to training images."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor
from variants import BLOCK, all_images

import elbowroom as er

#: Samples for FID and KID.
SAMPLES = 5_000
#: Samples that the detector looks at, and whose nearest training image is found.
LOOKED_AT = 500
#: Side in pixels that an image is enlarged to for the detector.
DETECTOR_SIDE_PX = 128
#: Smallest side of a face, as a fraction of the image's.
SMALLEST_FACE = 0.4
#: Overlapping detections that make a face.
NEIGHBORS = 3


class Judge:
    """Measures images against the test images and training images of CelebA."""

    def __init__(self, data: er.Data) -> None:
        from elbowroom.evaluation.metrics.feature_extractor import default_features

        self.features = default_features(data)
        self.train, self.test = all_images(data), data.test.first(len(data.test)).x
        self.test_features = self.features(self.test.split(BLOCK))

    def score(self, images: Tensor) -> dict[str, float]:
        """Return FID and KID with their errors, the share with a face, and the distance to training images."""
        from elbowroom.evaluation.metrics.fid_kid import frechet_distance, kernel_distance

        features = self.features(images.split(BLOCK))
        fid, fid_error = frechet_distance(self.test_features, features)
        kid, kid_error = kernel_distance(self.test_features, features)
        return {"fid": fid, "fid_error": fid_error, "kid": kid, "kid_error": kid_error} | self.score_few(images)

    def score_few(self, images: Tensor) -> dict[str, float]:
        """Return the share of the first images with a face, and their distance to training images."""
        few = images[:LOOKED_AT]
        return {"faces": share_with_face(few), "nearest": nearest_distance(few, self.train)}

    def references(self) -> dict[str, Tensor]:
        """Return the images of rows without a model: the floor, and blurs without a face."""
        blurred = F.interpolate(F.adaptive_avg_pool2d(self.test, 4), size=self.test.shape[-2:], mode="bilinear")
        return {"training images": self.train[:SAMPLES], "test images at 4x4": blurred}


def share_with_face(images: Tensor) -> float:
    """Return the fraction of images (N, 3, H, W) in which OpenCV's detector finds a frontal face."""
    import cv2

    detector = cv2.CascadeClassifier(f"{cv2.data.haarcascades}haarcascade_frontalface_default.xml")
    smallest = (round(SMALLEST_FACE * DETECTOR_SIDE_PX),) * 2
    found = 0
    for image in (images.permute(0, 2, 3, 1) * 255).round().to(torch.uint8).numpy():
        gray = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        gray = cv2.resize(gray, (DETECTOR_SIDE_PX, DETECTOR_SIDE_PX), interpolation=cv2.INTER_CUBIC)
        found += len(detector.detectMultiScale(gray, 1.05, NEIGHBORS, minSize=smallest)) > 0
    return found / len(images)


def nearest_distance(images: Tensor, others: Tensor) -> float:
    """Return the median over images of the Euclidean distance to the nearest of the others, itself left out."""
    distances = torch.cat([torch.cdist(part.flatten(1), others.flatten(1)) for part in images.split(BLOCK)])
    return distances.masked_fill(distances < 1e-3, math.inf).amin(1).median().item()
