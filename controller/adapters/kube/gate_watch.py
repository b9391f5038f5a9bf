"""Whether the admission policy of the gate is installed."""

from typing import Final

from controller.adapters.kube.client import KubeClient, NotFound
from controller.adapters.kube.gate import GATE_NAME

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
