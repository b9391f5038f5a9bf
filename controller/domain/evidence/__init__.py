"""How evidence is weighed: bets against "the canary is fine" that may be looked at at any time.

Sources: Ramdas, Grünwald, Vovk, Shafer (2023); Waudby-Smith, Ramdas (2024); Turner, Ly, Grünwald
(2024); Wasserman, Ramdas, Balakrishnan (2020); Lindon, Malek (2022); Howard et al. (2021).
`Evidence` is of one release and speaks of pods and segments; under it a `Ledger` of arrays decides
for one release or for a batch (`ruling.rule`), which is how the benches try thousands.
"""

from controller.domain.evidence.bursts import bursts_of
from controller.domain.evidence.judge import Evidence
from controller.domain.evidence.windows import CrashWindow, RequestWindow
from controller.domain.history import Bursts, History, RequestPast

__all__ = [
    "Bursts",
    "CrashWindow",
    "Evidence",
    "History",
    "RequestPast",
    "RequestWindow",
    "bursts_of",
]
