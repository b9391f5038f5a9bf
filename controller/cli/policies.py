"""A Canary's spec as every simulated world reads it."""

from controller.adapters.kube.model import parse_policy as parse_spec
from controller.adapters.prometheus.problems import problem_of
from controller.domain.policy import Policy
from controller.domain.records import Problem
from controller.simulation.world import REF


def parse_policy(spec: object) -> Policy | Problem:
    """The policy of a spec in which the target need not be said: there is only one."""
    if isinstance(spec, dict):
        spec = {**spec, "targetRef": {"name": REF.name}}
    return parse_spec(spec, problem_of)
