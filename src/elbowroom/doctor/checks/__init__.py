"""The checks of the doctor, by what they look at; importing them registers their diagnoses."""

from elbowroom.doctor.checks import data, latent, loss, overfitting

__all__ = ["data", "latent", "loss", "overfitting"]
