"""A log that fades in a known way, with features, texts and a split."""

import numpy as np
import pandas as pd
import pytest


def fading_log(n=1800, *, seed=0, fade=0.2, concept=False, days=360):
    """Two classes on six features; errors grow over time, or the relation turns for one side of a feature."""
    rng = np.random.default_rng(seed)
    time = np.sort(rng.uniform(0, days, n))
    x = rng.standard_normal((n, 6))
    weight = np.array([1.6, -1.2, 0.6, 0, 0, 0])
    score = x @ weight
    turn = np.where(time > days / 3, 1.0, 0.0) if concept else np.zeros(n)
    truth = (score + turn * 2.5 * x[:, 3] + 0.8 * rng.standard_normal(n) > 0).astype(int)
    wrong = rng.random(n) < (0 if concept else fade * time / days)
    truth = np.where(wrong, 1 - truth, truth)
    p = 1 / (1 + np.exp(-1.8 * score))
    frame = pd.DataFrame(x, columns=[f"f{i}" for i in range(6)])
    frame["when"] = pd.Timestamp("2016-01-01") + pd.to_timedelta(time, unit="D")
    frame["truth"] = np.array(["no", "yes"])[truth]
    frame["p"] = p
    frame["part"] = np.where(time < days / 6, np.where(rng.random(n) < 0.6, "train", "test"), "live")
    frame["team"] = np.where(x[:, 4] > 0, "north", "south")
    frame["text"] = np.where(x[:, 3] > 0.5, "storm warning tonight", "quiet sunny morning")
    return frame


@pytest.fixture(scope="session")
def make_log():
    """The function that makes a fading log."""
    return fading_log


@pytest.fixture
def fading():
    """1,800 rows over a year whose errors grow by twenty points."""
    return fading_log()
