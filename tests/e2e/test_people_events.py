"""What a whole release leaves behind for people: Events, and notices to a receiver of one's own."""

from tests.e2e.house import House


def table(house: House) -> str:
    """As `kubectl get events` would show it."""
    events = house.world.api.list("Event", house.namespace)
    ours = [
        e
        for e in events
        if e["source"].get("component") == "canary-controller"
        or e.get("reportingComponent") == "canary-controller.io/controller"
        or 1
    ]
    return "\n".join(
        f"{e['involvedObject']['kind']:<11} {e['type']:<8} {e['reason']:<18} x{e.get('count')} {e['source']} {e['message']}"
        for e in ours
        if e["involvedObject"]["kind"] in ("Canary", "Deployment")
    )


def test_explore(house: House) -> None:
    token = house.token("operator")
    house.hold()
    house.post("promote", token, key="a", step=1)
    house.wait_step(2)
    house.post("hold", token, key="a1")
    house.post("resume", token, key="a2")
    house.post("rollback", token, key="b", reason="too slow")
    house.stage.wait_phase("RolledBack", seconds=60)
    house.world.wait_rolled_out(house.namespace)
    house.stage.push("v2")
    house.stage.wait_phase("Quarantined", "Rejected", "Blocked", seconds=60)
    print(table(house))
    house.post("retry", token, key="c", revision="v2")
    print(house.post("retry", token, key="c").text)
    house.stage.wait_phase("Analysing", seconds=60)
    house.post("promote", token, key="d", full=True)
    house.stage.wait_phase("Promoted", seconds=60)
    print(table(house))
    print(house.receiver.refused, [t["kind"] + ": " + t["headline"] for t in house.receiver.told])
    assert 0
