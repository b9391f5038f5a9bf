"""Whether the admission policy of the gate is installed, and what ours let through."""

import json
import logging
from typing import Any, Final, NamedTuple

from controller.adapters.kube.client import KubeClient, NotFound
from controller.adapters.kube.gate import GATE_NAME
from controller.adapters.kube.permissions import GUARD_NAME
from controller.engine.ports import Refused, Unavailable

API_VERSIONS: Final = ("v1", "v1beta1")
RECHECK_SECONDS: Final = 60.0

log = logging.getLogger(__name__)


class Policy(NamedTuple):
    """An admission policy of ours, which has to let the controller's own writes through.

    `harm` is what it does to them otherwise.
    """

    plural: str
    name: str
    versions: tuple[str, ...]
    harm: str


GATE: Final = Policy(
    "mutatingadmissionpolicies", GATE_NAME, API_VERSIONS, "it would pause our own rollbacks"
)
COMMANDS: Final = Policy(
    "validatingadmissionpolicies",
    GUARD_NAME,
    ("v1",),
    "it turns away what people command in Slack, by the API or the dashboard, and a command that "
    "was carried out stays on its Canary",
)


async def find_gate(client: KubeClient) -> bool:
    """True if the policy and its binding are both there, in a version that the server serves.

    An API that is not served answers 404 as an absent object does: that is all the discovery it
    takes. Raises Unavailable, and Refused where we may not look.
    """
    for version in API_VERSIONS:
        root = f"/apis/admissionregistration.k8s.io/{version}"
        try:
            await client.request("GET", f"{root}/mutatingadmissionpolicies/{GATE_NAME}")
            await client.request("GET", f"{root}/mutatingadmissionpolicybindings/{GATE_NAME}")
        except NotFound:
            continue
        return True
    return False


async def check_exempted(client: KubeClient, policy: Policy = GATE) -> None:
    """Raise Refused where a policy of ours would stand in the way of the controller's own writes.

    It lets one user name through; that has to be the one we act under. Raises Unavailable where
    that cannot be seen: an old server, or no permission to look.
    """
    try:
        found = await _found(client, policy)
        own = await _own_name(client) if found else ""
    except Refused as no:
        raise Unavailable(str(no)) from no
    conditions = found["spec"].get("matchConditions", ()) if found else ()
    if found and not any(json.dumps(own) in one["expression"] for one in conditions):
        raise Refused(
            f"the policy {policy.name} does not let {own!r} through, the user that this process "
            f"acts under: {policy.harm}. Run under the account that the policy names, or put this "
            "name into its first match condition"
        )


class Exemptions:
    """Tells when a policy begins to stand in our way, and when it does no more.

    Somebody may install one for another account while we run: that is no reason to end, and one to
    say it before the night.
    """

    def __init__(self, client: KubeClient) -> None:
        self._client = client
        self._told: dict[str, int] = {}

    async def look(self) -> None:
        """Ask about each policy; only what differs from the last look is logged."""
        for policy in (GATE, COMMANDS):
            try:
                await check_exempted(self._client, policy)
            except Refused as no:
                self._tell(policy, logging.ERROR, str(no))
            except Unavailable as error:
                said = f"whether the policy {policy.name} lets us through cannot be seen: {error}"
                self._tell(policy, logging.WARNING, said)
            else:
                self._tell(policy, logging.INFO, f"the policy {policy.name} is not in our way")

    def _tell(self, policy: Policy, level: int, said: str) -> None:
        if level != self._told.get(policy.name, logging.INFO):
            log.log(level, "%s", said[0].upper() + said[1:])
        self._told[policy.name] = level


async def _own_name(client: KubeClient) -> str:
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    said = await client.request(
        "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", body=review
    )
    name: str = json.loads(said)["status"]["userInfo"]["username"]
    return name


async def _found(client: KubeClient, policy: Policy) -> dict[str, Any] | None:
    for version in policy.versions:
        path = f"/apis/admissionregistration.k8s.io/{version}/{policy.plural}/{policy.name}"
        try:
            found: dict[str, Any] = json.loads(await client.request("GET", path))
        except NotFound:
            continue
        return found
    return None
