"""How evidence is weighed: bets against "the canary is fine" that may be looked at at any time.

Sources: Ramdas, Grünwald, Vovk, Shafer (2023); Waudby-Smith, Ramdas (2024); Turner, Ly, Grünwald
(2024); Lindon, Malek (2022); Howard et al. (2021).
"""

from controller.domain.evidence.judge import Evidence
from controller.domain.evidence.windows import CrashWindow, History, RequestWindow

__all__ = ["CrashWindow", "Evidence", "History", "RequestWindow"]
