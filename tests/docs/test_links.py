"""Links lead somewhere: relative ones to a file and an anchor, others to where we trust."""

import re
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import pytest

from tests.docs.pages import PAGES, ROOT, Link, anchors_of, links_of, name

# Where the projects that we name have their own pages. A registry's host is never named.
HOSTS: Final = re.compile(
    r"kubernetes\.io|kind\.sigs\.k8s\.io|gateway-api\.sigs\.k8s\.io|prometheus\.io|helm\.sh"
    r"|grafana\.com|argo-cd\.readthedocs\.io|argo-rollouts\.readthedocs\.io|argoproj\.github\.io"
    r"|fluxcd\.io|(docs\.)?flagger\.app|(api|docs)\.slack\.(com|dev)|(www\.)?rfc-editor\.org"
    r"|datatracker\.ietf\.org|semver\.org|keepachangelog\.com|github\.com|docs\.python\.org"
    r"|prometheus-operator\.dev|cert-manager\.io|external-secrets\.io|wikipedia\.org"
    r"|en\.wikipedia\.org|doi\.org"
)


def wrong_link(link: Link) -> str:
    """What is wrong with it; empty when nothing is."""
    parts = urlsplit(link.target)
    if parts.scheme == "mailto" or parts.netloc:
        if parts.scheme != "https" or not HOSTS.fullmatch(parts.hostname or ""):
            return "links go by https to a host of the list in tests/docs/test_links.py"
        return ""
    if parts.path.startswith("/"):
        return "begin at the page's own folder, not with a slash"
    path = (link.page.parent / unquote(parts.path)).resolve() if parts.path else link.page
    if not path.exists() or not path.is_relative_to(ROOT):
        return f"there is no {parts.path}, seen from {name(link.page.parent)}"
    if parts.fragment and path.suffix == ".md" and parts.fragment not in anchors_of(path):
        return f"{name(path)} has no anchor {parts.fragment}; {_near(parts.fragment, path)}"
    return ""


def _near(fragment: str, page: Path) -> str:
    words = set(fragment.split("-"))
    ranked = sorted(anchors_of(page), key=lambda a: -len(words & set(a.split("-"))))
    return f"nearest: {', '.join(ranked[:3])}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_link_of_a_page_leads_somewhere(page: Path) -> None:
    wrong = [
        f"{link.where}: {link.target}: {wrong_link(link)}"
        for link in links_of(page)
        if wrong_link(link)
    ]
    assert not wrong, "\n" + "\n".join(wrong)
