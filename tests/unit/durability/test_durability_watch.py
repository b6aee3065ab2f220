"""Watching: state between calls, late labels, and what is refused."""

import numpy as np
import pandas as pd
import pytest

from assay.assess.durability import Columns, Question, WatchState, read_log, watch_log
from assay.errors import UsageError


def growing(n=6000, error=0.10, after=0.18, seed=0):
    """A log whose error rises after the first third."""
    rng = np.random.default_rng(seed)
    truth = rng.integers(0, 2, n)
    wrong = rng.random(n) < np.where(np.arange(n) < n // 3, error, after)
    return pd.DataFrame({"n": np.arange(n), "truth": truth, "said": np.where(wrong, 1 - truth, truth)})


def look(frame, state=None, **question):
    log = read_log(frame, Columns(time="n", target="truth", prediction="said", time_unit="order"))
    return watch_log(log, Question(**{"origin": "2000", **question}), state=state)


def test_a_rise_is_proven_and_never_more_than_there_is():
    """The proven drop is above nought and below what was put in."""
    found, state = look(growing())

    assert 1 < found.estimate("drop").value < 8
    assert found.estimate("drop").value == found.estimate("drop").low
    assert state.n == 4000
    assert "has risen" in found.verdict


def test_no_rise_no_claim():
    """A stationary stream proves nothing, and the estimate is nought rather than unknown."""
    found, _ = look(growing(after=0.10))

    assert found.estimate("drop").value == 0
    assert found.findings[0].verdict == "undetermined"


def test_calls_add_up_to_one_call():
    """Looking after every thousand rows ends where one look at all of them ends, and nothing is counted twice."""
    frame = growing()
    state = None
    for end in (2500, 3500, 4500, 6000, 6000):
        _, state = look(frame.iloc[:end], state)
    _, once = look(frame)

    assert (state.n, state.losses, state.low) == (once.n, once.losses, once.low)


def test_late_labels_are_taken_up_when_they_come():
    """A label that arrives in a later call is counted then, once."""
    frame = growing().astype({"truth": float})
    early = frame.copy()
    early.loc[3000:3200, "truth"] = np.nan
    _, first = look(early)
    found, second = look(frame, first)
    _, once = look(frame)

    assert len(first.pending) == 201
    assert second.pending == ()
    assert (second.n, second.losses) == (once.n, once.losses)
    assert "201 of them new" in found.verdict


def test_the_state_survives_as_text():
    """What is written is what is read; other text is refused."""
    _, state = look(growing())

    assert WatchState.from_json(state.to_json()) == state
    for text in ("{}", "no json", '{"schema": 99}', "[]"):
        with pytest.raises(UsageError, match="no state of --watch"):
            WatchState.from_json(text)


def test_a_log_that_was_rewritten_is_refused():
    """Changed or missing earlier rows would be counted twice, so they are refused."""
    frame = growing()
    _, state = look(frame)
    changed = frame.copy()
    changed.loc[2500, "said"] = 1 - changed.loc[2500, "said"]

    for other in (changed, frame.iloc[:4000], frame.drop(index=2500)):
        with pytest.raises(UsageError, match="may only be"):
            look(other, state)


def test_a_source_that_would_move_is_refused():
    """Without origin, split or window the source would change as the log grows; a level may not change either."""
    _, state = look(growing())
    with pytest.raises(UsageError, match="a source that stays"):
        look(growing(), origin=None)
    with pytest.raises(UsageError, match="was begun at level 0.95"):
        look(growing(), state, level=0.9)


def test_delays_are_printed_for_every_rise():
    """For each rise and ε below it stands how many labels would tell; a smaller ε needs fewer."""
    found, _ = look(growing())
    rows = [row for row in found.tables["delays"] if row["rise"] == 10]
    labels = [row["labels"] for row in rows if row["labels"] is not None]

    assert labels == sorted(labels)
    assert len(labels) >= 3


def test_only_right_or_wrong_can_be_watched():
    """A number has no loss between nought and one, so it is refused."""
    frame = pd.DataFrame({"n": np.arange(300), "truth": np.linspace(0, 1, 300), "said": 0.5})
    log = read_log(frame, Columns(time="n", target="truth", prediction="said", time_unit="order"))
    with pytest.raises(UsageError, match="right or wrong"):
        watch_log(log, Question(origin="100"))
