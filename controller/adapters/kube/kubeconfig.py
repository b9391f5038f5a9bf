"""Which cluster, namespace and user a person's kubeconfig means, and a client that is theirs."""

import difflib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from controller.adapters.kube.client import KubeClient, load_configuration
from controller.adapters.kube.credentials import Credentials, Entry, Unusable, credentials
from controller.adapters.kube.direct import DirectClient
from controller.engine.ports import Refused

SHOWN_MAX: Final = 8
ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class Unconfigured(Refused):
    """The kubeconfig cannot be used as it is: a person has to change something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a kubeconfig means. `context` empty: we are in the cluster, as its service account."""

    files: tuple[Path, ...] = ()
    context: str = ""
    namespace: str = "default"
    user: str = ""
    server: str = ""
    cluster_entry: Entry = field(default_factory=Entry)
    user_entry: Entry = field(default_factory=Entry)


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
    clusters = _entries(files, documents, "clusters", "cluster")
    cluster = chosen.get("cluster", "")
    if cluster not in clusters:
        raise Unconfigured(
            f"the context {name!r} in {_shown(files)} names the cluster {cluster!r}, which is not "
            "there"
        )
    user = chosen.get("user", "")
    return Place(
        files=files,
        context=name,
        namespace=chosen.get("namespace") or "default",
        user=user,
        server=clusters[cluster].text("server"),
        cluster_entry=clusters[cluster],
        user_entry=_entries(files, documents, "users", "user").get(user, Entry()),
    )


async def connect(place: Place, *, user_agent: str) -> KubeClient:
    """A client with the person's own credentials. Raises Unconfigured."""
    if "auth-provider" in place.user_entry.said:
        return await _connect_as_of_old(place, user_agent)

    async def log_in() -> Credentials:
        try:
            return await credentials(place.cluster_entry, place.user_entry)
        except Unusable as error:
            raise _unusable(place, error) from error

    client = DirectClient(log_in, user_agent=user_agent)
    await client.log_in()
    return client


async def _connect_as_of_old(place: Place, user_agent: str) -> KubeClient:
    """By the vendor's library, which knows how people logged in before there were plugins."""
    if len(place.files) > 1:
        raise _unusable(place, "its auth-provider is used with a single kubeconfig only")
    try:
        configuration = await load_configuration(place.files[0], place.context)
    # What is wrong with credentials ends in any of the library's ways to fail.
    except Exception as error:
        raise _unusable(place, error) from error
    return KubeClient(configuration, user_agent=user_agent)


def _unusable(place: Place, why: object) -> Unconfigured:
    where = f" in the context {place.context!r}" if place.context else ""
    return Unconfigured(f"the credentials of the user {place.user!r}{where} cannot be used: {why}")


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
        return _account(environment)
    said = environment.get("KUBECONFIG", "")
    where = f"KUBECONFIG={said}" if said else "~/.kube/config"
    raise Unconfigured(
        f"there is no kubeconfig: {where} does not exist. Set KUBECONFIG or --kubeconfig to the "
        "file with which kubectl reaches the cluster"
    )


def _account(environment: Mapping[str, str]) -> Place:
    """The service account of the pod that we are in."""
    host, port = environment["KUBERNETES_SERVICE_HOST"], environment["KUBERNETES_SERVICE_PORT"]
    server = f"https://{f'[{host}]' if ':' in host else host}:{port}"
    account = Entry(folder=ACCOUNT)
    cluster = {"server": server, "certificate-authority": "ca.crt"}
    return Place(
        namespace=account.file("namespace").strip(),
        user="service account",
        server=server,
        cluster_entry=Entry(said=cluster, folder=ACCOUNT),
        user_entry=Entry(said={"tokenFile": "token"}, folder=ACCOUNT),
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


def _entries(
    files: tuple[Path, ...], documents: list[dict[str, Any]], kind: str, member: str
) -> dict[str, Entry]:
    """Clusters or users by name; of those with the same name the first counts."""
    found = {}
    for path, document in reversed(list(zip(files, documents, strict=True))):
        for one in _named([document], kind):
            said = one.get(member)
            entry = Entry(said=said if isinstance(said, dict) else {}, folder=path.parent)
            found[one["name"]] = entry
    return found


def _shown(files: tuple[Path, ...]) -> str:
    return os.pathsep.join(map(str, files))


def _listed(names: Mapping[str, object]) -> str:
    shown = sorted(names)[:SHOWN_MAX]
    more = len(names) - len(shown)
    return (", ".join(shown) + (f" and {more} more" if more else "")) or "none"


def _meant(name: str, names: Mapping[str, object]) -> str:
    close = difflib.get_close_matches(name, list(names), n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""
