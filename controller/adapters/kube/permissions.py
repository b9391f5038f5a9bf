"""The guard of commands: an admission policy by which plain RBAC decides who may write which.

The verbs promote, rollback and hold mean nothing to the API server by themselves: whoever may patch
a Canary could write any command into its annotation. With this policy they cannot.
"""

import json
from typing import Any, Final

from controller.adapters.kube.intents import VALUE_CHARACTERS_MAX
from controller.adapters.kube.names import GROUP, INTENT_ANNOTATION, PLURAL
from controller.domain.records import IntentAction
from controller.engine.commands import VERBS
from controller.engine.ports import Verb

GUARD_NAME: Final = f"commands.{GROUP}"
"""Name of the ValidatingAdmissionPolicy and of its binding."""

API_VERSION: Final = "admissionregistration.k8s.io/v1"

# The longest first: of several that fit, the first one is taken.
_WORD: Final = "|".join(sorted((a.value for a in IntentAction), key=len, reverse=True))
_TEXT: Final = r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"'
_MEMBERS: Final = r"id|revision|step|by|via|reason"

# What is let through is read by the controller in exactly this way or not at all; anything that
# could be read in two ways is turned away here: other letters that look the same, other white
# space, escapes in names, members in another order or said twice.
BARE: Final = rf"[ \t\r\n]*(?:{_WORD})[:,.]*(?: (?s:.)*|[ \t\r\n]*)"
"""A word with a reason after it, in lower case."""

WRITTEN: Final = rf'\{{"action":"(?:{_WORD})"(?:,"(?:{_MEMBERS})":{_TEXT})*\}}'
"""The JSON that `write_intent` makes."""

BLANK: Final = r"[ \t\r\n]*"

NAMED: Final = ',"by":"'
"""What stands before the name of its writer, and nowhere else in a command in JSON."""


def guard_manifests(service_account_username: str) -> list[dict[str, Any]]:
    """The ValidatingAdmissionPolicy and its binding, for Kubernetes 1.30 and later.

    `service_account_username` is the controller's own ("system:serviceaccount:<namespace>:<name>"),
    which writes commands for people whom it has asked about.
    """
    writer = _quoted(service_account_username)
    labels = {
        "app.kubernetes.io/name": "canary-controller",
        "app.kubernetes.io/component": "commands",
    }
    metadata = {"name": GUARD_NAME, "labels": labels}
    policy = {
        "apiVersion": API_VERSION,
        "kind": "ValidatingAdmissionPolicy",
        "metadata": metadata,
        "spec": {
            # Unlike the gate: what cannot be decided is not allowed.
            "failurePolicy": "Fail",
            "matchConstraints": _constraints(),
            "matchConditions": [
                {
                    "name": "not-the-controller",
                    "expression": f"request.userInfo.username != {writer}",
                }
            ],
            "variables": [
                {"name": name, "expression": expression}
                for name, expression in _variables().items()
            ],
            "validations": _validations(),
        },
    }
    binding = {
        "apiVersion": API_VERSION,
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": metadata,
        "spec": {"policyName": GUARD_NAME, "validationActions": ["Deny"]},
    }
    return [policy, binding]


def _constraints() -> dict[str, Any]:
    """Every write of a Canary itself; its status cannot carry an annotation."""
    return {
        "matchPolicy": "Equivalent",
        "resourceRules": [
            {
                "apiGroups": [GROUP],
                "apiVersions": ["*"],
                "operations": ["CREATE", "UPDATE"],
                "resources": [PLURAL],
                "scope": "Namespaced",
            }
        ],
    }


def _variables() -> dict[str, str]:
    """What the validations speak of, by name; each is worked out when it is asked for."""
    verbs = {action.value: VERBS[action].value for action in IntentAction}
    return {
        "canary": (
            f"authorizer.group('{GROUP}').resource('{PLURAL}')"
            ".namespace(request.namespace).name(request.name)"
        ),
        "before": _annotation("oldObject"),
        "after": _annotation("object"),
        "changed": "variables.before != variables.after",
        "verbs": _quoted(verbs),
        # Empty: no command, or none that can be read.
        "asked": _action("after"),
        "withdrawn": _action("before"),
        "editor": "variables.canary.check('update').allowed()",
        "place": "request.namespace + '/' + request.name",
        "writer": (r"""request.userInfo.username.replace('\\', '\\\\').replace('"', '\\"')"""),
    }


def _annotation(which: str) -> str:
    path = f"{which}.metadata.annotations"
    there = f"{which} != null && has({path}) && '{INTENT_ANNOTATION}' in {path}"
    return f"{there} ? string({path}['{INTENT_ANNOTATION}']) : ''"


def _action(which: str) -> str:
    """The action of a command: its first word, which both ways to write it begin with."""
    value = f"variables.{which}"
    # A value that is too long is not searched: it would cost more than a policy may.
    return (
        f"{value}.size() <= {VALUE_CHARACTERS_MAX} && ({value}.matches(r'^{WRITTEN}$') "
        f"|| {value}.lowerAscii().matches(r'^{BARE}$')) "
        f"? {value}.lowerAscii().find('{_WORD}') : ''"
    )


def _validations() -> list[dict[str, str]]:
    known = ", ".join(action.value for action in IntentAction)
    remedy = (
        f"' on {PLURAL}.{GROUP} in the namespace ' + request.namespace + '; the ClusterRole "
        "canary-operator has it'"
    )
    return [
        _validation(
            f"!variables.changed || variables.after.matches(r'^{BLANK}$') || variables.asked != ''",
            f"'the annotation {INTENT_ANNOTATION} is not a command: write one of {known}, with a "
            "space and a reason after it if you like, or use kubectl canary'",
            "Invalid",
        ),
        _validation(
            "!variables.changed || variables.asked == '' "
            "|| variables.canary.check(variables.verbs[variables.asked]).allowed()",
            "request.userInfo.username + ' may not ' + variables.asked + ' ' + variables.place "
            "+ ': ask an administrator for the verb ' + variables.verbs[variables.asked] + "
            + remedy,
        ),
        # To roll back must never wait for anybody.
        _validation(
            "!variables.changed || variables.withdrawn == '' "
            f"|| variables.asked == '{Verb.ROLLBACK.value}' || variables.editor "
            "|| variables.canary.check(variables.verbs[variables.withdrawn]).allowed()",
            "request.userInfo.username + ' may not withdraw ' + variables.withdrawn + ' of ' "
            "+ variables.place + ', which waits to be acted on: ask an administrator for the verb "
            "' + variables.verbs[variables.withdrawn] + " + remedy,
        ),
        _validation(
            f"!variables.changed || !variables.after.contains('{NAMED}') "
            f"|| (variables.after.split('{NAMED}').size() == 2 "
            "&& [variables.writer, 'unknown'].exists(name, "
            f"variables.after.contains('{NAMED}' + name + '\\\"')))",
            "'a command is written in the name of its writer: leave \"by\" out, or let it be ' "
            "+ request.userInfo.username",
        ),
        _validation(
            "oldObject == null || variables.editor || (" + " && ".join(_unchanged()) + ")",
            "request.userInfo.username + ' may change nothing of ' + variables.place + ' but the "
            f"annotation {INTENT_ANNOTATION}: ask an administrator for the verb update on "
            f"{PLURAL}.{GROUP}'",
        ),
    ]


def _unchanged() -> list[str]:
    """That everything but the annotation is as it was."""
    same = [
        f"object.?{field} == oldObject.?{field}"
        for field in (
            "spec",
            "metadata.?labels",
            "metadata.?finalizers",
            "metadata.?ownerReferences",
        )
    ]
    now, then = (
        f"{which}.metadata.?annotations.orValue({{}})" for which in ("object", "oldObject")
    )
    kept = (
        f"{now}.all(name, name == '{INTENT_ANNOTATION}' "
        f"|| (name in {then} && {now}[name] == {then}[name]))"
    )
    none_gone = f"{then}.all(name, name == '{INTENT_ANNOTATION}' || name in {now})"
    return [*same, kept, none_gone]


def _validation(expression: str, message: str, reason: str = "Forbidden") -> dict[str, str]:
    return {"expression": expression, "messageExpression": message, "reason": reason}


def _quoted(value: object) -> str:
    """A JSON text or object of texts, which CEL reads in the same way."""
    return json.dumps(value)
