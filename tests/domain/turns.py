"""Tables at the turns of a release that tests begin from."""

from dataclasses import replace

from controller.domain.lifecycle import Phase
from controller.domain.policy import RollbackStrategy
from controller.domain.status import Release
from tests.domain.tabletop import Table, alone, on_trial


def condemned(**facts: object) -> Table:
    """A table on which the rollback of B has just been decided."""
    policy = facts.pop("policy", alone())
    table = on_trial(policy=policy, **facts)
    table.deaths["B-0"] = 4
    table.look()
    assert table.status.phase is Phase.ROLLING_BACK
    return table


def rejected() -> Table:
    """A table on which B was rolled back."""
    table = condemned()
    table.looks(2)
    assert table.status.phase is Phase.ROLLED_BACK
    table.deaths.clear()
    return table


def freezing(**facts: object) -> Table:
    """A table on which B will be frozen out."""
    return on_trial(policy=replace(alone(), rollback=RollbackStrategy.FREEZE), **facts)


def release_of(table: Table) -> Release:
    assert table.status.release is not None
    return table.status.release
