"""A cluster in virtual time: Deployments, ReplicaSets, pods, the gate, and watches that lag."""

from controller.simulation.cluster.connection import Connection
from controller.simulation.cluster.simulated import SimulatedCluster
from controller.simulation.cluster.timing import Timing

__all__ = ["Connection", "SimulatedCluster", "Timing"]
