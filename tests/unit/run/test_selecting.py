"""rank and select on tiny models: the race, the budget, what fails, what is free."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest

from assay.assess.selection.combination import Past
from assay.errors import MachineError, NothingToAssessError, UsageError
from assay.run.finals import split
from assay.run.question import Budget, Question
from assay.run.sample import draw_sample
from assay.run.selecting import rank, select
from assay.sources.data import load_data
from assay.sources.data.corruptions import corrupted
from assay.spec import ModelRef
from assay.testing.data import fake_dataset
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

    def source_probabilities(self, batch):
        """A head of as many classes as the name ends in, none without a number; `headed0` has one that fails."""
        classes = self.ref.name.removeprefix("headed")
        if not classes.isdigit():
            return None
        if classes == "0":
            raise RuntimeError("the head takes other pixels")
        logits = 3 * self.encode(batch)[:, : int(classes)].astype(np.float64)
        return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


def load(ref):
    """`py:good`, `py:also`, `py:poor`, `py:headed7`; `py:gone` cannot be loaded and `py:nan` gives NaN."""
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


def test_heads_are_read_whether_their_classes_have_names_or_not():
    """Models with heads of 7 and 20 nameless classes, none, and one that fails: LEEP and NCE, or why not, and a note."""
    found = rank(question("headed7", "headed20", "good", "headed0"), rows=150, scores=["leep", "nce", "logme"])
    batteries = {row["model"]: row["battery"] for row in found.tables["ranking"]}

    assert len(batteries) == 4
    for name in ("py:headed7", "py:headed20"):
        assert batteries[name]["leep"] < 0
        assert batteries[name]["nce"] < 0
    assert batteries["py:headed20"]["leep"] > batteries["py:headed7"]["leep"]
    assert "no source head" in batteries["py:good"]["nce"]
    assert batteries["py:headed0"]["leep"] == "the source head did not run: RuntimeError: the head takes other pixels"
    assert isinstance(batteries["py:headed0"]["logme"], float)
    assert any("source heads of 7 to 20 classes" in caveat for caveat in found.caveats)


def test_a_head_that_no_score_reads_is_not_run():
    """Where neither LEEP nor NCE is wanted the head stays untouched, so that nothing is said of the one that fails."""
    found = rank(question("headed0", "headed7"), rows=100, scores=["logme"])

    assert all(isinstance(row["battery"]["logme"], float) for row in found.tables["ranking"])
    assert not any("source heads" in caveat for caveat in found.caveats)


def rows_of(targets):
    """Digits with these targets instead of their own."""
    rows = np.arange(len(targets))
    names = tuple(f"class {code}" for code in range(int(targets.max()) + 1))
    task = dataclasses.replace(DIGITS.task, classes=names)
    return dataclasses.replace(DIGITS, ids=DIGITS.ids[rows], targets=np.asarray(targets), task=task, groups=None,
                               digests=DIGITS.digests[rows], load=lambda at: DIGITS.load(rows[at]))  # fmt: skip


@pytest.mark.parametrize(
    ("targets", "rows", "error", "words"),
    [
        (np.arange(120) % 60, 50, UsageError, "50 rows are too few for 60 classes.*take 120 rows or more"),
        (np.arange(120) % 60, 60, UsageError, "60 rows are too few for 60 classes"),
        (np.arange(40), 1000, NothingToAssessError, "each of 40 classes has one row"),
    ],
)
def test_more_classes_than_rows_are_refused_in_words(targets, rows, error, words):
    """Rows that cannot hold two of any class are refused before a model runs, by rank and select alike."""
    asked = question("gone", data=rows_of(targets))

    with pytest.raises(error, match=words):
        rank(asked, rows=rows)
    with pytest.raises(error, match=words):
        select(asked, budget=Budget(), rows=rows)


def test_classes_with_one_row_are_counted():
    """Where some classes have one row only the models are ranked, and a caveat says how many classes."""
    found = rank(question("good", "poor", data=rows_of(np.r_[np.arange(90) % 3, 3, 4])), scores=[])

    assert found.tables["ranking"][0]["model"] == "py:good"
    assert any("2 of 5 classes have one row in the sample" in caveat for caveat in found.caveats)


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


def test_folds_and_held_rows_have_every_class_whatever_their_number():
    """With three classes in turn, every third row is one class; what is set aside still has its share of all."""
    for classes in (2, 3, 6, 10):
        data = fake_dataset(n=120, classes=classes, modality="table")
        learn, judge = split(draw_sample(data, rng_seed=0), 120)
        shares = [np.bincount(data.targets[part], minlength=classes) / len(part) for part in (learn, judge)]

        assert len(judge) == 40
        assert np.abs(shares[0] - shares[1]).max() < 0.05


def test_the_leader_is_followed_to_other_rows_and_through_probes():
    """Rank adds train, valid and test with calibration, what corruptions and wrong labels cost, and doubtful labels."""
    found = rank(question("good", "poor", generalise=True, probes=True), rows=200, scores=[])
    tables = json.loads(found.to_json())["tables"]
    parts = {row["part"]: row["score"]["value"] for row in tables["generalisation"]}
    lost = {(row["probe"], row["strength"]): row["lost"]["value"] for row in tables["probes"]}

    assert list(parts) == ["train", "valid", "test"]
    assert parts["train"] > parts["valid"] > 0.8
    assert abs(parts["valid"] - parts["test"]) < 0.08
    assert all(row["calibration_error"]["value"] < 0.2 for row in tables["generalisation"])
    assert lost["noise", "strong"] > lost["noise", "mild"] - 0.5
    assert lost["low contrast", "strong"] > 20
    assert lost["wrong labels", "40 %"] > lost["wrong labels", "10 %"]
    assert tables["abstention"][-1]["answered"] == 1.0
    assert len(tables["doubtful_labels"]) < 40
    assert {figure.name for figure in found.figures} >= {"parts", "abstention"}


def test_wrong_labels_are_found_and_shifted_data_are_scored():
    """Labels that were swapped are most of those in doubt; shifted data stand beside, with the gap on other items."""
    targets, rng = DIGITS.targets.copy(), np.random.default_rng(0)
    wrong = np.sort(rng.permutation(len(targets))[:90])
    targets[wrong] = (targets[wrong] + 1) % 10
    swapped = dataclasses.replace(DIGITS, targets=targets, ref=dataclasses.replace(DIGITS.ref, revision="swapped"))
    found = rank(question("good", data=swapped, probes=True, shifted=corrupted(DIGITS, "dark", "mild")), rows=600,
                 scores=[])  # fmt: skip
    doubtful = {row["item"] for row in found.tables["doubtful_labels"]}

    assert len(doubtful & set(DIGITS.ids[wrong].tolist())) > 0.6 * len(doubtful)
    assert [row["part"] for row in found.tables["generalisation"]][-1] == "shifted"
    assert [row["gap"] for row in found.tables["gaps"]] == ["train to test", "valid to test", "test to shifted"]
    with pytest.raises(UsageError, match="has the class"):
        rank(question("good", shifted=fake_dataset(n=40, classes=3)), rows=100, scores=[])


def test_past_results_predict_what_tuning_would_give():
    """The combination's predictions and its check on past data sets join the ranking; too little past is a caveat."""
    rows = [{"model": f"py:{m}", "dataset": f"d{d}", "accuracy": q - 0.02 * d + 0.01 * np.sin(7 * d + 9 * q)}
            for d in range(6) for m, q in (("good", 0.9), ("also", 0.88), ("poor", 0.4), ("mid", 0.6))]  # fmt: skip
    past = Past.read(pd.DataFrame(rows))
    found = rank(question("poor", "good", past=past, priors={"static rank": past.static()}), rows=100, scores=[])
    less = Past.read(pd.DataFrame(rows[:8]))
    little = rank(question("poor", "good", past=less), rows=100, scores=[])

    assert [row["model"] for row in found.tables["predicted"]] == ["py:good", "py:poor"]
    assert len(found.tables["past_check"]) == 6
    assert {"combination_coverage", "combination_error"} <= {e.name for e in found.estimates}
    assert any("static rank only" in note for note in little.caveats)


def test_the_best_prior_is_looked_at_first():
    """When the budget ends early, the models that past results favour have been seen."""
    found = select(question("poor", "also", "good", priors={"static rank": {"py:good": 0.9, "py:also": 0.8}}),
                   budget=Budget(trials=2))  # fmt: skip

    assert {row["model"] for row in found.tables["ranking"]} == {"py:good", "py:also"}
    assert found.tables["unranked"][0]["model"] == "py:poor"


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
