"""The whole cluster, as people, tools, processes in pods and the controller get at it."""

import asyncio
from dataclasses import replace
from typing import Final

from controller.domain.mounts import Mount
from controller.domain.policy import Policy
from controller.domain.records import Intent, Problem, Ref
from controller.simulation.cluster.connection import Connection
from controller.simulation.cluster.deploying import (
    DeploymentController,
    marks_of,
    replica_set_name,
)
from controller.simulation.cluster.disruptions import Disruptions
from controller.simulation.cluster.node import Node
from controller.simulation.cluster.objects import Canary, Deployment, Manifest, Revision
from controller.simulation.cluster.replicas import ReplicaSetController
from controller.simulation.cluster.server import Server
from controller.simulation.cluster.timing import Timing
from controller.simulation.dice import Dice
from controller.simulation.pods import PodListener, SimulatedPod
from controller.simulation.trace import BY_NODE, BY_PERSON, Shown, Trace
from controller.simulation.weather import Weather

DAY_SECONDS: Final = 86_400.0


class SimulatedCluster:
    """Made inside a running loop. What people do is keyed by namespace and Deployment name.

    `listeners` are told by the nodes, at once, what becomes of pods. `disruptions` is what befalls
    pods that is not their own doing.
    """

    def __init__(self, *, dice: Dice, trace: Trace, timing: Timing | None = None) -> None:
        timing = timing or Timing()
        self._server = Server(dice, trace)
        self._node = Node(self._server, timing, dice)
        self.disruptions: Final = Disruptions(self._server, self._node, timing)
        controllers = dice.stream("controllers of the cluster")
        self._deploying = DeploymentController(self._server, timing, controllers)
        self._replicas = ReplicaSetController(self._server, self._node, timing, controllers)
        self._timing = timing
        self._dice = dice
        self._connections: list[Connection] = []

    @property
    def listeners(self) -> list[PodListener]:
        """Whoever is told of every pod."""
        return self._node.listeners

    @property
    def gate_installed(self) -> bool:
        """Whether the admission policy is there; the controller looks once a minute."""
        return self._server.gate_installed

    @gate_installed.setter
    def gate_installed(self, installed: bool) -> None:
        self._server.gate_installed = installed
        for connection in self._connections:
            connection.recheck_gate()

    # What people and tools do.

    def create_deployment(  # noqa: PLR0913 - the words of a manifest
        self,
        key: Ref,
        template: str,
        *,
        replicas: int,
        surge: int | str,
        unavailable: int | str,
        strategy: str = "RollingUpdate",
        gitops: str | None = None,
        age_seconds: float = DAY_SECONDS,
    ) -> None:
        """A Deployment that was rolled out so long ago, with Ready pods.

        `template` is opaque: two are the same or they are not. `surge` and `unavailable` are in
        pods, or shares of the replicas ("25%").
        """
        assert key not in self._server.deployments, f"{key} is there already"
        manifest = Manifest(
            template=template,
            replicas=replicas,
            surge=surge,
            unavailable=unavailable,
            strategy=strategy,
            gitops=gitops,
        )
        created_at = asyncio.get_running_loop().time() - age_seconds
        deployment = Deployment(
            key=key, uid=self._server.uid(), created_at=created_at, manifest=manifest, observed=1
        )
        self._server.deployments[key] = deployment
        revision = self._first_revision(deployment, created_at)
        for _ in range(replicas):
            self._node.settle(revision, age_seconds)
        deployment.total = deployment.updated = deployment.available = replicas
        self._server.changed(deployment)
        self._replicas.count(revision)
        self._server.show(deployment, BY_PERSON)

    def _first_revision(self, deployment: Deployment, created_at: float) -> Revision:
        template, name = deployment.manifest.template, deployment.key
        key = replica_set_name(name, template)
        generation = 0
        while key in self._server.replica_sets:
            generation += 1
            key = Ref(name.namespace, f"{name.name}-{template}-{generation}")
        desired, most = marks_of(deployment)
        revision = Revision(
            key=key,
            uid=self._server.uid(),
            deployment=deployment,
            template=template,
            created_at=created_at,
            replicas=deployment.manifest.replicas,
            desired=desired,
            most=most,
            revision=1,
        )
        self._server.replica_sets[key] = revision
        deployment.sets.append(revision)
        self._server.changed(revision)
        return revision

    def apply_template(self, key: Ref, template: str, *, writer: str = "kubectl") -> None:
        """Change the template, as `kubectl apply` or a pipeline does."""
        made = self._of(key).manifest
        # Who applies what is there already changes nothing, not even the fields' manager.
        if template != made.template:
            self._write(key, replace(made, template=template, writer=writer))

    def replace_manifest(self, key: Ref, template: str, *, writer: str = "kubectl") -> None:
        """Write the whole object anew, as `kubectl replace` does: what we wrote on it is gone."""
        made = self._of(key).manifest
        bare = {"paused": False, "mark": None, "opted_in": None, "skip": None}
        self._write(
            key,
            replace(made, template=template, writer=writer, **bare),  # type: ignore[arg-type]
        )

    def set_paused(self, key: Ref, paused: bool) -> None:  # noqa: FBT001 - its whole point
        """`kubectl rollout pause` and `resume`."""
        self._write(key, replace(self._of(key).manifest, paused=paused))

    def set_replicas(self, key: Ref, replicas: int) -> None:
        """Scale the Deployment, as a person or an autoscaler does."""
        made = replace(self._of(key).manifest, replicas=replicas)
        # The scale subresource is none that the gate is asked for.
        self._server.write(self._of(key), made, BY_PERSON, ours=True)

    def set_skip(self, key: Ref, text: str | None) -> None:
        """Let one change through unobserved, or no longer."""
        self._write(key, replace(self._of(key).manifest, skip=text))

    def resize_replica_set(self, key: Ref, name: str, replicas: int) -> None:
        """Scale one ReplicaSet of a Deployment, behind everybody's back."""
        revision = next(one for one in self._of(key).sets if one.key.name == name)
        self._server.resize(revision, replicas, BY_PERSON)

    def delete_deployment(self, key: Ref) -> None:
        """The Deployment is gone at once; its ReplicaSets and pods follow."""
        deployment = self._server.deployments.pop(key)
        self._server.ended(deployment)
        delay = self._timing.sync_seconds[1]
        asyncio.get_running_loop().call_later(delay, self._collect, deployment)

    def _collect(self, deployment: Deployment) -> None:
        for revision in tuple(deployment.sets):
            self._server.remove_replica_set(revision, BY_NODE)
            for berth in tuple(revision.berths):
                self._node.leave(berth, BY_NODE)

    def delete_pod(self, key: Ref, pod_name: str) -> None:
        """Delete one pod; its ReplicaSet makes another."""
        berth = self._server.pods.get(Ref(key.namespace, pod_name))
        if berth is not None:
            self._node.leave(berth, BY_PERSON)

    def create_canary(self, ref: Ref, policy: Policy | Problem) -> None:
        """A Canary; where its spec is a Problem, its target is the Deployment of its name."""
        assert ref not in self._server.canaries, f"{ref} is there already"
        canary = Canary(
            key=ref,
            uid=self._server.uid(),
            created_at=asyncio.get_running_loop().time(),
            target=policy.target if isinstance(policy, Policy) else ref.name,
            policy=policy,
        )
        self._server.canaries[ref] = canary
        self._server.changed(canary)

    def set_policy(self, ref: Ref, policy: Policy | Problem) -> None:
        """Change the Canary's spec."""
        canary = self._server.canaries[ref]
        if policy != canary.policy:
            canary.policy = policy
            canary.target = policy.target if isinstance(policy, Policy) else canary.target
            canary.generation += 1
            self._server.changed(canary)

    def delete_canary(self, ref: Ref) -> None:
        """The Canary is gone, with all that it remembered."""
        self._server.ended(self._server.canaries.pop(ref))

    def command(self, ref: Ref, intent: Intent | Problem | None) -> None:
        """Write a command on the Canary, or take it away."""
        canary = self._server.canaries[ref]
        if intent != canary.intent:
            canary.intent = intent
            self._server.changed(canary)

    def mount(self, key: Ref, mounts: tuple[Mount, ...]) -> None:
        """All templates of a Deployment name these: only what is in them changes."""
        deployment = self._of(key)
        deployment.manifest = replace(deployment.manifest, mounts=mounts)
        for revision in deployment.sets:
            self._server.changed(revision)

    def configure(self, namespace: str, mount: Mount, text: str | None) -> None:
        """Write a ConfigMap or Secret, or delete it."""
        self._server.configure(namespace, mount, text)

    # What processes in pods do.

    def end_process(
        self, pod: SimulatedPod, *, exit_code: int = 1, reason: str = "Error", log: str = ""
    ) -> None:
        """The pod's process ends; nothing if none runs."""
        self._node.end_process(pod, exit_code, reason, log)

    def probe(self, pod: SimulatedPod, ready: bool) -> None:  # noqa: FBT001 - its whole point
        """What the readiness probe of the running process says from now on."""
        self._node.probe(pod, ready=ready)

    # What an observer may ask.

    def pods(self, key: Ref) -> tuple[SimulatedPod, ...]:
        """The pods of a Deployment in order of creation, those that leave included."""
        return tuple(one.pod for one in self._server.pods.values() if one.pod.workload == key)

    def shown(self, key: Ref) -> Shown:
        """The Deployment as it was entered into the trace last: as it is."""
        shown = self._of(key).shown
        assert shown is not None, "it was shown when it was created"
        return shown

    def connect(self, process: str, weather: Weather) -> Connection:
        """The Cluster port for one process of the controller, with a cache of its own."""
        gate = self._dice.stream(f"gate as seen by {process}")
        connection = Connection(self._server, process, weather, gate)
        self._connections.append(connection)
        return connection

    def _of(self, key: Ref) -> Deployment:
        return self._server.deployments[key]

    def _write(self, key: Ref, manifest: Manifest) -> None:
        self._server.write(self._of(key), manifest, BY_PERSON)
