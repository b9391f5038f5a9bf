"""Which cluster, namespace and user a person's kubeconfig means, and a client that is theirs."""

import asyncio
import difflib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import yaml
from kubernetes.aio import config as kube_config
from kubernetes.aio.client.configuration import Configuration

from controller.adapters.kube.client import KubeClient
from controller.engine.ports import Refused

# A credential plugin may open a browser, and wait for a person there.
LOGIN_SECONDS_MAX: Final = 120.0
SHOWN_MAX: Final = 8
ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class Unconfigured(Refused):
    """The kubeconfig cannot be used as it is: a person has to change something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a kubeconfig means. `files` empty: we are in the cluster, as its service account."""

    files: tuple[Path, ...] = ()
    context: str = ""
    namespace: str = "default"
    user: str = ""
    server: str = ""


def find_place(
    kubeconfig: str | None, context: str | None, environment: Mapping[str, str]
) -> Place:
    """As kubectl finds it: the flag, else KUBECONFIG, else ~/.kube/config, else our own cluster.

    Raises Unconfigured.
    """
    files = _files(kubeconfig, environment)
    if not files:
        return _inside(context, environment)
    documents = [_document(path) for path in files]
    named = {one["name"]: one for one in _named(documents, "contexts")}
    current = next((d["current-context"] for d in documents if d.get("current-context")), "")
    name = context or current
    if not name:
        raise Unconfigured(
            f"no context is current in {_shown(files)}: choose one with --context, or for "
            f"good with kubectl config use-context; there are {_listed(named)}"
        )
    if name not in named:
        raise Unconfigured(
            f"there is no context {name!r} in {_shown(files)}{_meant(name, named)}; "
            f"there are {_listed(named)}"
        )
    chosen = named[name].get("context") or {}
    clusters = {one["name"]: one.get("cluster") or {} for one in _named(documents, "clusters")}
    cluster = chosen.get("cluster", "")
    if cluster not in clusters:
        raise Unconfigured(
            f"the context {name!r} in {_shown(files)} names the cluster {cluster!r}, which is not "
            "there"
        )
    return Place(
        files=files,
        context=name,
        namespace=chosen.get("namespace") or "default",
        user=chosen.get("user", ""),
        server=clusters[cluster].get("server", ""),
    )


async def connect(place: Place, *, user_agent: str) -> KubeClient:
    """A client with the person's own credentials. Raises Unconfigured."""
    configuration = Configuration()
    try:
        if not place.files:
            kube_config.load_incluster_config(client_configuration=configuration)
        else:
            async with asyncio.timeout(LOGIN_SECONDS_MAX):
                await kube_config.load_kube_config(
                    config_file=os.pathsep.join(map(str, place.files)),
                    context=place.context,
                    client_configuration=configuration,
                    persist_config=False,
                )
    except TimeoutError as error:
        raise Unconfigured(
            f"the login of the user {place.user!r} took more than {LOGIN_SECONDS_MAX:g} s"
        ) from error
    # What is wrong with credentials ends in any of these, and none of them is a bug of ours.
    except (kube_config.ConfigException, OSError, ValueError, TypeError, KeyError) as error:
        raise Unconfigured(
            f"the credentials of the user {place.user!r} in the context {place.context!r} cannot "
            f"be used: {error}"
        ) from error
    return KubeClient(configuration, user_agent=user_agent)


def contexts(kubeconfig: str | None, environment: Mapping[str, str]) -> tuple[str, ...]:
    """The contexts there are. Raises Unconfigured."""
    documents = [_document(path) for path in _files(kubeconfig, environment)]
    return tuple(dict.fromkeys(str(one["name"]) for one in _named(documents, "contexts")))


def _files(kubeconfig: str | None, environment: Mapping[str, str]) -> tuple[Path, ...]:
    """Those that exist; one that was named by the flag has to."""
    if kubeconfig is not None:
        path = Path(kubeconfig).expanduser()
        if not path.is_file():
            raise Unconfigured(f"there is no kubeconfig {path}: see --kubeconfig")
        return (path,)
    said = environment.get("KUBECONFIG", "")
    home = environment.get("HOME", "")
    texts = said.split(os.pathsep) if said else [str(Path(home) / ".kube" / "config")]
    return tuple(path for text in texts if text and (path := Path(text).expanduser()).is_file())


def _inside(context: str | None, environment: Mapping[str, str]) -> Place:
    if context is None and "KUBERNETES_SERVICE_HOST" in environment:
        try:
            namespace = (ACCOUNT / "namespace").read_text(encoding="utf-8").strip()
        except OSError:
            namespace = "default"
        return Place(namespace=namespace, user="service account", server="this cluster")
    said = environment.get("KUBECONFIG", "")
    where = f"KUBECONFIG={said}" if said else "~/.kube/config"
    raise Unconfigured(
        f"there is no kubeconfig: {where} does not exist. Set KUBECONFIG or --kubeconfig to the "
        "file with which kubectl reaches the cluster"
    )


def _document(path: Path) -> dict[str, Any]:
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - safe
    except (OSError, UnicodeDecodeError) as error:
        raise Unconfigured(f"the kubeconfig {path} cannot be read: {error}") from error
    except yaml.YAMLError as error:
        # Its text quotes the file, in which there are secrets; where it is, is enough.
        mark = getattr(error, "problem_mark", None)
        line = f" at line {mark.line + 1}" if mark is not None else ""
        raise Unconfigured(f"the kubeconfig {path} is not YAML{line}") from None
    if document is None:
        return {}
    if not isinstance(document, dict):
        raise Unconfigured(f"the kubeconfig {path} is not a kubeconfig")
    return document


_Loader: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _named(documents: list[dict[str, Any]], kind: str) -> Iterator[dict[str, Any]]:
    """The items of all files, the last first, so that the first file wins."""
    for document in reversed(documents):
        for item in document.get(kind) or ():
            if isinstance(item, dict) and isinstance(item.get("name"), str):
                yield item


def _shown(files: tuple[Path, ...]) -> str:
    return os.pathsep.join(map(str, files))


def _listed(names: Mapping[str, object]) -> str:
    shown = sorted(names)[:SHOWN_MAX]
    more = len(names) - len(shown)
    return (", ".join(shown) + (f" and {more} more" if more else "")) or "none"


def _meant(name: str, names: Mapping[str, object]) -> str:
    close = difflib.get_close_matches(name, list(names), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
