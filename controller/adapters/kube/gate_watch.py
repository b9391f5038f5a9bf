"""Whether the admission policy of the gate is installed."""

import json
from typing import Any, Final

from controller.adapters.kube.client import KubeClient, NotFound
from controller.adapters.kube.gate import GATE_NAME
from controller.engine.ports import Refused, Unavailable

API_VERSIONS: Final = ("v1", "v1beta1")
RECHECK_SECONDS: Final = 60.0


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


async def check_exempted(client: KubeClient) -> None:
    """Raise Refused where the gate would hold the controller's own writes, a rollback among them.

    It lets one user name through; that has to be the one we act under. Raises Unavailable where
    that cannot be seen: an old server, or no permission to look.
    """
    try:
        own = await _own_name(client)
        policy = await _policy(client)
    except Refused as no:
        raise Unavailable(str(no)) from no
    conditions = policy["spec"].get("matchConditions", ()) if policy else ()
    if policy and not any(json.dumps(own) in one["expression"] for one in conditions):
        raise Refused(
            f"the policy {GATE_NAME} does not let {own!r} through, the user that this process "
            "acts under: it would pause our own rollbacks. Run under the account that the "
            "policy names, or put this name into its first match condition"
        )


async def _own_name(client: KubeClient) -> str:
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    said = await client.request(
        "POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", body=review
    )
    name: str = json.loads(said)["status"]["userInfo"]["username"]
    return name


async def _policy(client: KubeClient) -> dict[str, Any] | None:
    for version in API_VERSIONS:
        path = f"/apis/admissionregistration.k8s.io/{version}/mutatingadmissionpolicies/{GATE_NAME}"
        try:
            found: dict[str, Any] = json.loads(await client.request("GET", path))
        except NotFound:
            continue
        return found
    return None
