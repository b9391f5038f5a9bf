"""How the benches print what they measured."""

from collections.abc import Sequence


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of all values does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def row(name: str, seconds: Sequence[float]) -> str:
    """Percentiles in milliseconds, in one line."""
    parts = [
        f"p{share * 100:g} {percentile(seconds, share) * 1e3:.2f}" for share in (0.5, 0.95, 0.99)
    ]
    return f"{name}: {', '.join(parts)}, max {max(seconds) * 1e3:.2f} ms (n={len(seconds)})"
