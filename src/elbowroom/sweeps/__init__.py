"""Sweeps: a training for each point of a parameter grid, resumable, by processes of one machine or several."""

from elbowroom.sweeps.claims import ClaimLostError, Claims
from elbowroom.sweeps.cluster import SweepJob, submit_jobs
from elbowroom.sweeps.grid import parameter_grid
from elbowroom.sweeps.sweep import SweepPoint, plan, sweep

__all__ = ["ClaimLostError", "Claims", "SweepJob", "SweepPoint", "parameter_grid", "plan", "submit_jobs", "sweep"]
