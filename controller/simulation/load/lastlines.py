"""What processes print before they die, as a server would."""

import re

from controller.simulation.clock import instant


def killed_by_request(route: str, now: float) -> str:
    """A traceback out of the handler of the route."""
    name = re.sub(r"\W+", "_", route).strip("_") or "index"
    return "\n".join(
        [
            f"{_stamp(now - 1.2)} INFO  200 GET /healthz 1 ms",
            f"{_stamp(now)} ERROR unhandled exception in POST {route}",
            "Traceback (most recent call last):",
            '  File "server/dispatch.py", line 118, in serve',
            "    response = handler(request)",
            f'  File "server/routes/{name}.py", line 42, in post',
            '    launch = launches[request.form["id_token"]]',
            "KeyError: 'id_token'",
            f"{_stamp(now)} CRITICAL worker state is corrupt after POST {route}, exiting with 1",
        ]
    )


def killed_by_itself(now: float, *, at_start: bool) -> str:
    """A traceback out of the main program."""
    where, error = (
        ("load_settings", "RuntimeError: setting SESSION_STORE_URL is not set")
        if at_start
        else ("renew_lease", "TimeoutError: the connection pool is exhausted")
    )
    return "\n".join(
        [
            f"{_stamp(now)} INFO  {'starting' if at_start else 'renewing the lease'}",
            "Traceback (most recent call last):",
            '  File "server/__main__.py", line 27, in main',
            f"    {where}()",
            error,
        ]
    )


def out_of_memory(now: float) -> str:
    """The kernel does not let a process say anything: what it printed in good health."""
    return "\n".join(
        f"{_stamp(now - ago)} INFO  200 GET /healthz 1 ms" for ago in (21.0, 11.0, 1.0)
    )


def _stamp(now: float) -> str:
    return instant(now).strftime("%Y-%m-%d %H:%M:%S,%f")[:-3]
