"""What is seen of ConfigMaps: which the template names, that their data changed, and when."""

import asyncio

from controller.domain.mounts import Mount, Mounted, MountKind
from tests.contract.lab import Lab, Shape

CONFIG = Mount(MountKind.CONFIG_MAP, "limits")
ONE = Shape(replicas=1, mounts=(CONFIG,))
# The API server's times of writes are whole seconds.
TICK_SECONDS = 1.1


async def seen(lab: Lab) -> Mounted:
    """What is known of it now."""
    found = await lab.cluster.mounted(lab.ref.namespace, CONFIG)
    assert isinstance(found, Mounted), found
    assert found.mount == CONFIG
    return found


async def test_a_revision_says_what_its_template_names(lab: Lab) -> None:
    scene = await lab.settle(ONE)
    assert [rs.mounts for rs in scene.replica_sets] == [(CONFIG,)]


async def test_one_that_is_not_there_has_no_version(lab: Lab) -> None:
    found = await seen(lab)
    assert (found.version, found.changed_at) == ("", None)


async def test_it_has_a_version_that_stays_until_its_data_is_written(lab: Lab) -> None:
    lab.configure(CONFIG, "1")
    first = await seen(lab)
    assert first.version
    assert await seen(lab) == first
    await asyncio.sleep(TICK_SECONDS)
    lab.configure(CONFIG, "1")
    assert await seen(lab) == first
    lab.configure(CONFIG, "2")
    second = await seen(lab)
    assert second.version != first.version
    assert first.changed_at is not None
    assert second.changed_at is not None
    assert second.changed_at > first.changed_at


async def test_a_label_that_somebody_else_writes_changes_nothing(lab: Lab) -> None:
    lab.configure(CONFIG, "1")
    first = await seen(lab)
    await asyncio.sleep(TICK_SECONDS)
    lab.mark(CONFIG, "owner")
    assert await seen(lab) == first


async def test_deleted_and_made_anew_it_is_another(lab: Lab) -> None:
    lab.configure(CONFIG, "1")
    first = await seen(lab)
    lab.configure(CONFIG, None)
    assert (await seen(lab)).version == ""
    lab.configure(CONFIG, "1")
    assert (await seen(lab)).version not in {"", first.version}
