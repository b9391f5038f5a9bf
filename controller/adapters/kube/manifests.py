"""The manifests that are generated from the models; helm/generate.py makes the chart of them."""

from collections.abc import Mapping
from typing import Any, Final

import yaml

from controller.adapters.kube.crd import crd
from controller.adapters.kube.gate import policy_manifests
from controller.adapters.kube.permissions import guard_manifests

SERVICE_ACCOUNT: Final = "system:serviceaccount:canary-controller:canary-controller"
"""The controller's user in deploy/; the chart fills in its own."""

_HEADER: Final = "# Generated from the models by `make fix`: change those, not this.\n"
_COLUMNS: Final = 100


def manifests() -> Mapping[str, str]:
    """The generated files, by name."""
    return {
        "crd.yaml": _text(crd()),
        "gate.yaml": _text(*policy_manifests(SERVICE_ACCOUNT, "v1")),
        "commands.yaml": _text(*guard_manifests(SERVICE_ACCOUNT)),
    }


class _Dumper(yaml.SafeDumper):
    """Writes every value out, and texts of several lines as such."""

    def ignore_aliases(self, _data: object) -> bool:
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def _text(*documents: dict[str, Any]) -> str:
    return _HEADER + yaml.dump_all(
        documents, Dumper=_Dumper, sort_keys=False, width=_COLUMNS, allow_unicode=True
    )
