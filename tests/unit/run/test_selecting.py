"""rank and select on tiny models: the race, the budget, what fails, what is free."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from assay.errors import MachineError, NothingToAssessError, UsageError
from assay.run.contenders import draw_sample
from assay.run.selecting import Budget, Question, rank, select
from assay.sources.data import load_data
from assay.spec import ModelRef
from assay.testing.models import FakeModel

DIGITS = load_data("sklearn:digits")


class Reads(FakeModel):
    """A model whose features are the picture's grey values plus noise of a given size."""

    def __init__(self, name, noise):
        super().__init__("image", name=name, seed=3)
        self.ref = ModelRef(source="py", name=name, revision=f"noise {noise}")
        self._noise = noise
        self.info = dataclasses.replace(self.info, width=64, labels=())

    def encode(self, batch):
        values = np.asarray(next(iter(batch.values())), dtype=np.float64)
        grey = values.reshape(len(values), -1)
        rng = np.random.default_rng(0)
        table = rng.standard_normal((grey.shape[1], 64)) / np.sqrt(grey.shape[1])
        jitter = np.sin(1e4 * grey @ rng.standard_normal((grey.shape[1], 64)))
        return (grey @ table + self._noise * jitter * (grey @ table).std()).astype(np.float32)


def load(ref):
    """`py:good`, `py:also`, `py:poor`; `py:gone` cannot be loaded and `py:nan` gives NaN."""
    if ref.name == "gone":
        raise MachineError("no such model on this machine")
    if ref.name == "nan":
        return FakeModel("image", name="nan", broken=True)
    return Reads(ref.name, {"good": 0.0, "also": 0.05, "poor": 3.0}.get(ref.name, 1.0))


def question(*models, data=DIGITS, **keys):
    return Question(models=[f"py:{m}" for m in models], data=data, load=load, engine="model", say=lambda text: None,
                    **keys)  # fmt: skip


def test_rank_puts_the_better_features_first_and_names_what_failed():
    """Of five models two fail; the other three are ranked, the failures are named with their reason."""
    found = rank(question("poor", "gone", "good", "nan", "also"), rows=300, scores=["logme", "leep"])
    document = json.loads(found.to_json())
    ranking = document["tables"]["ranking"]

    assert document["schema"] == "assay/rank/1"
    assert [row["model"] for row in ranking][-1] == "py:poor"
    assert ranking[-1]["group"] == 2
    assert {row["model"] for row in document["tables"]["unranked"]} == {"py:gone", "py:nan"}
    assert isinstance(ranking[0]["battery"]["logme"], float)
    assert "no source head" in ranking[0]["battery"]["leep"]
    assert {row["baseline"] for row in document["tables"]["baselines"]} >= {"majority", "raw features"}
    assert found.estimate("cost_fraction").value > 0


def test_rank_fills_in_the_score_that_is_relative_to_the_pool():
    """NCTI is relative to the pool, so the best of two has more than the worst."""
    rows = rank(question("good", "poor"), rows=200, scores=["ncti"]).tables["ranking"]

    assert rows[0]["battery"]["ncti"] > rows[1]["battery"]["ncti"]


def test_select_races_and_stops_early():
    """A poor model is dropped at the first stage, and the race ends long before all rows are used."""
    found = select(question("poor", "good", "worse"), budget=Budget(), regret=2.0)
    rows = found.tables["ranking"]

    assert rows[0]["model"] == "py:good"
    assert {row["model"] for row in found.tables["dropped"]} == {"py:poor", "py:worse"}
    assert [row["rank"] for row in rows] == [1, 2, 3]
    assert all("beaten by py:good" in row["reason"] for row in found.tables["dropped"])
    assert found.tables["stages"][-1]["rows"] < 0.5 * len(DIGITS)
    assert found.estimate("cost_fraction").value < 0.5
    assert "The race ended at" in found.verdict


def test_a_spent_budget_ends_the_race_and_says_what_more_would_buy():
    """Two models that can't be told apart use up their trials; the verdict says how many rows would do."""
    found = select(question("good", "also"), budget=Budget(trials=2), regret=0.001)

    assert "because the budget is spent" in found.verdict
    assert "more seconds" in found.verdict
    assert len(found.tables["stages"]) == 1


def test_models_beyond_the_budget_are_named_not_dropped_silently():
    """With one trial for two models the second is listed as not reached."""
    found = select(question("good", "also"), budget=Budget(trials=1), regret=1.0)

    assert "not reached" in found.tables["unranked"][0]["reason"]


def test_the_sample_is_the_same_for_all_and_stratified():
    """Every beginning of the sample holds each class in proportion; the same seed gives the same rows."""
    one, two = draw_sample(DIGITS, rng_seed=0), draw_sample(DIGITS, rng_seed=0)
    counts = np.bincount(DIGITS.targets[one.order[:100]], minlength=10)

    assert (one.order == two.order).all()
    assert counts.max() - counts.min() <= 2


def test_test_rows_and_repeated_rows_stay_out():
    """With published splits only training rows are used, and a repeated content counts once."""
    n = len(DIGITS)
    splits = np.where(np.arange(n) % 2 == 0, "train", "test")
    digests = DIGITS.digests.copy()
    digests[2] = digests[0]
    sample = draw_sample(dataclasses.replace(DIGITS, splits=splits, digests=digests), rng_seed=0)

    assert (sample.order % 2 == 0).all()
    assert len(sample.order) == (n + 1) // 2 - 1
    assert any("repeat" in note for note in sample.notes)


def test_thirty_rows_are_ranked_with_a_warning():
    """A data set of 30 rows gives a ranking that says how little it tells."""
    few = load_data("sklearn:digits")
    rows = np.arange(30)
    small = dataclasses.replace(few, ids=few.ids[rows], targets=few.targets[rows], digests=few.digests[rows],
                                load=lambda at: few.load(rows[at]))  # fmt: skip
    found = rank(question("good", "poor", data=small), scores=["h_score", "gbc"])

    assert any("tell only large differences apart" in caveat for caveat in found.caveats)
    assert len(found.tables["ranking"]) == 2


def test_one_model_and_none():
    """One model has nothing to be chosen from; none, or only broken ones, is an error in words."""
    assert "nothing to choose between" in rank(question("good"), rows=100, scores=[]).verdict
    with pytest.raises(NothingToAssessError, match="no such model on this machine"):
        rank(question("gone"), rows=100)
    with pytest.raises(UsageError, match="at least one model"):
        rank(question(), rows=100)
    with pytest.raises(UsageError, match="named twice"):
        rank(question("good", "good"), rows=100)


@pytest.mark.parametrize(
    ("text", "per_hour", "wanted"),
    [("90s", None, (90, None)), ("10m", None, (600, None)), ("1.5h", None, (5400, None)),
     ("12 trials", None, (None, 12)), ("2.50 money", 5.0, (1800, None))],
)  # fmt: skip
def test_budgets_as_people_type_them(text, per_hour, wanted):
    """Times, trials and money are understood."""
    found = Budget.parse(text, per_hour=per_hour)

    assert (found.seconds, found.trials) == wanted


@pytest.mark.parametrize("text", ["soon", "10", "2.50 money"])
def test_budgets_that_cannot_be_read(text):
    """A bare number, a word, or money without a price is refused with examples."""
    with pytest.raises(UsageError, match="10m|per-hour"):
        Budget.parse(text)


def test_finals_fine_tune_who_is_left_and_fill_the_second_column():
    """Two networks that can't be told apart are fine-tuned for an epoch; their scores stand beside the frozen ones."""
    network = "py:assay.testing.tiny_networks:convolutions"
    larger = dataclasses.replace(DIGITS, load=lambda at: [item.resize((16, 16)) for item in DIGITS.load(at)])
    asked = Question(models=[network, f"random:{network}"], data=larger, engine="torch", say=lambda text: None)
    found = select(asked, budget=Budget(), regret=100.0, finetune=True, rows=120)
    finals = found.tables["finals"]
    tuned = [row["finetuned"] for row in found.tables["ranking"] if row["finetuned"] is not None]

    assert len(finals) == len(tuned) > 0
    assert all(0 <= row["score"] <= 1 for row in finals)
    assert any("Fine-tuned" in finding.claim for finding in found.findings)
