"""Names that the Kubernetes API, the operator and the controller agree on."""

from typing import Final

GROUP: Final = "canary-controller.io"
VERSION: Final = "v1alpha1"
KIND: Final = "Canary"
PLURAL: Final = "canaries"

OPT_IN_LABEL: Final = "canary-controller.io/canary"
"""Label on the Deployment; its value is the name of the Canary in the same namespace."""

GATE_MARK: Final = "canary-controller.io/gate"
"""Annotation on the Deployment while its pause is ours; its value is that generation."""

SKIP_ANNOTATION: Final = "canary-controller.io/skip"
"""Annotation on the Deployment with which a person lets one rollout pass unobserved."""

INTENT_ANNOTATION: Final = "canary-controller.io/intent"
"""Annotation on the Canary that carries a person's order to the controller."""

FIELD_MANAGER: Final = "canary-controller"
"""Field manager of every write that the controller makes."""
