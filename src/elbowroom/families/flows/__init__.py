"""Normalizing flows: invertible maps of vectors, of posteriors and priors."""

from elbowroom.families.flows.base import FLOWS, Flow, FlowKind, make_flow, register_flow

__all__ = ["FLOWS", "Flow", "FlowKind", "make_flow", "register_flow"]
