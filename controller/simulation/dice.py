"""Chance that can be replayed: one seed, and a stream of its own for each use."""

import hashlib
import random
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Dice:
    """The chance of one run. The same seed and the same name give the same stream.

    Streams are independent: that one part draws more often does not change what others see.
    """

    seed: int

    def stream(self, name: str) -> random.Random:
        """A stream of single draws."""
        return random.Random(self._key(name))

    def counts(self, name: str) -> np.random.Generator:
        """A stream for arrays of counts."""
        return np.random.Generator(np.random.PCG64(self._key(name)))

    def _key(self, name: str) -> int:
        # Not `hash`: it differs from one process to the next.
        digest = hashlib.sha256(f"{self.seed}/{name}".encode()).digest()
        return int.from_bytes(digest[:8], "big")
