"""A table with more to go wrong: pods that are not Ready yet, and pauses that are a person's."""

from dataclasses import dataclass, field, replace

from controller.domain.changes import Change, Freeze, Scale
from controller.domain.records import Pod, Workload
from tests.domain.tabletop import Table


@dataclass
class Desk(Table):
    """A table on which some pods of a ReplicaSet may not be Ready, and pauses may be a person's."""

    lacking: dict[str, int] = field(default_factory=dict)

    def ready(self, name: str) -> int:
        return max(0, self.sets.get(name, 0) - self.lacking.get(name, 0))

    def _pod(self, name: str, number: int) -> Pod:
        return replace(super()._pod(name, number), ready=number < self.ready(name))

    def workload(self) -> Workload:
        found = self.scene().workload
        assert found is not None
        return found

    def carry_out(self, change: Change) -> None:
        """Pods that are new to a ReplicaSet are not Ready at once."""
        before = dict(self.sets)
        super().carry_out(change)
        for name, count in self.sets.items():
            if isinstance(change, Scale | Freeze) and count > before.get(name, 0):
                new = count - before.get(name, 0)
                self.lacking[name] = self.lacking.get(name, 0) + new

    def apply_template(self, name: str) -> None:
        if name == self.template:
            return
        if self.paused and self.mark is None:
            self.template = name  # The gate leaves a person's pause alone.
        else:
            super().apply_template(name)

    def resize(self, replicas: int) -> None:
        """The deployment controller shares out another N in proportion, paused or not."""
        running = {name: count for name, count in self.sets.items() if count}
        self.replicas = replicas
        total = replicas + (self.surge if len(running) > 1 and replicas else 0)
        before = sum(running.values())
        if before == 0:
            self.sets[self.template] = replicas
            return
        shares = {name: count * total // before for name, count in running.items()}
        largest = max(shares, key=lambda name: shares[name])
        shares[largest] += total - sum(shares.values())
        self.sets |= shares
