"""A person at a terminal: asked before anything happens, and shown a release live."""

import pytest

from controller.domain.lifecycle import Phase
from tests.cli.clusters import Cluster, on_trial
from tests.cli.terminals import at_terminal

ASKED = "Go on? [y/N] "


def writes(cluster: Cluster) -> int:
    return sum(one.method == "PATCH" for one in cluster.server.asked)


def test_what_will_happen_is_told_before_yes(cluster: Cluster) -> None:
    with at_terminal(cluster, "promote", "exam") as terminal:
        said = terminal.until(lambda text: text.endswith(ASKED))
        assert said.splitlines() == [
            "exams/exam runs revision 2 (registry.example/exam:v2) (Holding, step 2 of 3, 3 of 12 "
            "pods, found Undecided so far).",
            "Step 2 passes; the canary goes on to step 3, 6 of 12 pods.",
            ASKED,
        ]
        assert writes(cluster) == 0
        terminal.type("y\n")
        terminal.until(lambda text: "taken by the controller" in text)
        assert terminal.ended() == 0
    assert writes(cluster) == 1


@pytest.mark.parametrize("keys", ["\n", "n\n", "what?\n"])
def test_anything_but_yes_does_nothing(cluster: Cluster, keys: str) -> None:
    with at_terminal(cluster, "rollback", "exam") as terminal:
        said = terminal.until(lambda text: text.endswith(ASKED))
        assert "All pods go back to revision 1 (registry.example/exam:v1)" in said
        terminal.type(keys)
        terminal.until(lambda text: "nothing was done" in text)
        assert terminal.ended() == 0
    assert writes(cluster) == 0


def test_ctrl_c_at_the_question_does_nothing(cluster: Cluster) -> None:
    with at_terminal(cluster, "promote", "exam", "--full") as terminal:
        said = terminal.until(lambda text: text.endswith(ASKED))
        assert "All 12 pods get it without further steps. It is watched for 10 min" in said
        terminal.type("\x03")
        assert terminal.ended() == 130
        assert "Traceback" not in terminal.text
    assert writes(cluster) == 0


def test_who_says_yes_before_is_not_asked(cluster: Cluster) -> None:
    with at_terminal(cluster, "rollback", "exam", "-y") as terminal:
        terminal.until(lambda text: "taken by the controller" in text)
        assert ASKED not in terminal.text
        assert terminal.ended() == 0


def test_what_is_impossible_is_refused_without_a_question(cluster: Cluster) -> None:
    with at_terminal(cluster, "retry", "exam") as terminal:
        terminal.until(lambda text: "retry is not possible" in text)
        assert ASKED not in terminal.text
        assert terminal.ended() == 6


def test_a_release_is_drawn_live_and_ctrl_c_leaves_a_clean_terminal(cluster: Cluster) -> None:
    with at_terminal(cluster, "status", "exam", "--watch") as terminal:
        said = terminal.until(lambda text: "What you can do" in text)
        for shown in ("live; Ctrl-C ends", "exams/exam  Holding", "▶ 25%", "CrashLoopBackOff"):
            assert shown in said
        cluster.status(on_trial(Phase.ANALYSING))
        terminal.until(lambda text: "exams/exam  Analysing" in text)
        terminal.type("\x03")
        assert terminal.ended() == 130
        assert "Traceback" not in terminal.text
        # The cursor that was hidden while it drew is there again.
        assert terminal.raw.rindex(b"\x1b[?25h") > terminal.raw.rindex(b"\x1b[?25l")


def test_a_live_picture_says_when_the_api_server_is_away(cluster: Cluster) -> None:
    with at_terminal(cluster, "status", "exam", "--watch") as terminal:
        terminal.until(lambda text: "What you can do" in text)
        cluster.shut()
        terminal.until(lambda text: "the API server does not answer, trying again" in text)
        cluster.open()
        cluster.status(on_trial(Phase.ANALYSING))
        terminal.until(lambda text: "exams/exam  Analysing" in text)
        terminal.type("\x03")
        assert terminal.ended() == 130


def test_whoever_stops_a_live_picture_finds_the_terminal_as_it_was(cluster: Cluster) -> None:
    with at_terminal(cluster, "status", "exam", "--watch") as terminal:
        terminal.until(lambda text: "What you can do" in text)
        terminal.process.terminate()
        assert terminal.ended() == 130
        assert terminal.raw.rindex(b"\x1b[?25h") > terminal.raw.rindex(b"\x1b[?25l")


def test_a_picture_that_is_higher_than_the_terminal_is_cut(cluster: Cluster) -> None:
    with at_terminal(cluster, "status", "exam", "--watch", rows=12) as terminal:
        terminal.until(lambda text: "▶ 25%" in text)
        terminal.type("\x03")
        assert terminal.ended() == 130
