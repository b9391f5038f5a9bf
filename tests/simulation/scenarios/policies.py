"""How a scenario's policy is read in these tests: as the command line reads it."""

from controller.adapters.kube.model import parse_policy
from controller.adapters.prometheus.problems import problem_of
from controller.domain.policy import Policy
from controller.domain.records import Problem


def policy_of(spec: object) -> Policy | Problem:
    if isinstance(spec, dict):
        spec = {**spec, "targetRef": {"name": "exam-api"}}
    return parse_policy(spec, problem_of)
