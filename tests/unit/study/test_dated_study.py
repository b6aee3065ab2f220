"""A study of dated data: it learns from the past, is tested on all that came later, and says how long the model lasts."""

import datetime
import json
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from assay import Study
from assay.assess.durability import Question
from assay.cli.app import run
from assay.errors import DataError, NothingToAssessError, SpecError, UnknownNameError, UsageError
from assay.run.lasting import lasting_models
from assay.study import Run

MODEL = {"uri": "py:assay.testing.models:fake_texts", "label": "letters"}


def turning_texts(path, n=900):
    """A year of texts whose class stands in their letters; after day 150 the letter z turns the class over."""
    rng = np.random.default_rng(0)
    day = np.sort(rng.uniform(0, 360, n))
    target, z = rng.integers(0, 2, n), rng.integers(0, 2, n)
    shown = np.where((day > 150) & (z == 1), 1 - target, target)
    texts = ["".join(rng.permutation(list(("aaab", "abbb")[s] * 3 + "zzzz" * mark + "qr"))) + f" {i}"
             for i, (s, mark) in enumerate(zip(shown, z, strict=True))]  # fmt: skip
    when = pd.Timestamp("2020-01-01") + pd.to_timedelta(day, unit="D")
    pd.DataFrame({"text": texts, "label": np.where(target, "b", "a"), "when": when.strftime("%Y-%m-%dT%H:%M:%S")}
                 ).to_csv(path, index=False)  # fmt: skip
    return f"csv:{path}?text=text&label=label&time=when"


def dated(data, **split):
    baselines = {"majority": True, "raw": False, "untrained": False}
    return Study(models=[MODEL], data=[{"uri": data, "label": "letters over time"}], recipes=["ridge", "knn"],
                 baselines=baselines, split={"scheme": "forward", "origin": "2020-04-10", "window": "30d", **split})  # fmt: skip


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return turning_texts(tmp_path_factory.mktemp("dated") / "texts.csv")


@pytest.fixture(scope="module")
def sliding(data, tmp_path_factory) -> Run:
    return dated(data, refit="sliding").run(tmp_path_factory.mktemp("sliding") / "run", quiet=True)


def test_every_origin_is_tested_on_every_later_window(sliding):
    """Trials: one model a window, each tested on all rows from there on; baselines are fitted once."""
    rows = sliding.folder.trials()
    ridge = sorted((row for row in rows if row.role == "model" and row.method == "ridge"), key=lambda row: row.draw)
    sizes = [len(sliding.folder.predictions(row.key).ids) for row in ridge[1:]]
    first = [sliding.folder.predictions(row.key).times.min() for row in ridge[1:]]

    assert len(ridge) == 9
    assert sizes == sorted(sizes, reverse=True)
    assert all(a < b for a, b in pairwise(first))
    assert sum(row.role == "majority" for row in rows) == 1


def test_no_model_learns_from_what_it_is_tested_on_or_from_the_source(sliding):
    """Rows of the source period are never learned from, at no origin; training rows come before test rows."""
    models = [row for row in sliding.folder.trials() if row.role == "model" and row.method == "knn"]
    first = sliding.folder.predictions(models[0].key)
    source = set(first.ids[first.times < np.datetime64("2020-04-10")])

    assert source
    for row in models:
        taught = sliding.folder.predictions(row.key, "train")
        tested = sliding.folder.predictions(row.key)
        assert not source & set(taught.ids)
        assert taught.times.max() < tested.times[~np.isin(tested.ids, list(source))].min()


def test_the_run_says_how_long_its_model_lasts(sliding):
    """Curve, causes, regret and triangle come from the study's own models, on its own windows."""
    found = lasting_models(sliding.folder, Question(direction="x-y", floor=0.7, refits=0))[0]
    windows = [row["name"] for row in found.tables["curve"]]

    assert windows[:2] == ["source", "2020-04-10"]
    assert len(windows) == 10
    assert found.estimate("drop").low > 10
    assert found.estimate("staleness_regret").low > 3
    assert found.tables["retraining"][1]["policy"].split(" refit each window")[0] in (
        "letters (ridge)",
        "letters (knn)",
    )
    assert len(found.tables["retraining"]) == 4
    assert len(found.tables["triangle"]) == 45
    assert {row["model"] for row in found.tables["models"]} == {"letters (ridge)", "letters (knn)"}
    assert found.tables["causes"]


def test_models_fitted_anew_do_not_mix_into_the_ranking(sliding):
    """The selection lens sees the model that was fitted once, and the report has a section on durability."""
    found = sliding.assess()
    page = sliding.report(assessments=found).read_text(encoding="utf-8")

    assert all(row.get("runs", 1) == 1 for row in found[0].tables["ranking"])
    assert "durability" in [item.lens for item in found]
    assert "How long" in page


def test_growing_refits_say_that_they_had_more_rows(data, tmp_path):
    """With `growing` the fresh models have all rows so far, which is said wherever their gain is."""
    found = dated(data, refit="growing").run(tmp_path / "run", quiet=True)
    assessment = lasting_models(found.folder, Question(refits=0), model="letters (ridge)")[0]

    assert "all rows so far" in assessment.tables["retraining"][1]["policy"]
    assert any("more than the old one" in note for note in assessment.caveats)


def test_without_refits_heads_on_the_features_tell_staleness(data, tmp_path):
    """One model suffices: its stored features give regret and triangle."""
    found = dated(data).run(tmp_path / "run", quiet=True)
    assessment = lasting_models(found.folder, Question(refits=0))[0]

    assert sum(row.role == "model" for row in found.folder.trials()) == 2
    assert assessment.estimate("staleness_regret").known
    assert {row["policy"].split(" ")[0] for row in assessment.tables["retraining"]} == {"frozen", "head"}


def test_the_command_takes_a_run(sliding, capsys):
    """`assay durability RUN` prints the document; columns of a log are refused beside it."""
    assert run(["durability", str(sliding.path), "--json", "--model", "letters (knn)", "--window", "60d"]) == 0
    document = json.loads(capsys.readouterr().out)

    assert document["inputs"]["model"] == "letters (knn)"
    assert len(document["tables"]["curve"]) == 6
    assert run(["durability", str(sliding.path), "--time", "when"]) == 2
    assert "belongs to a log" in capsys.readouterr().err
    assert run(["durability", str(sliding.path), "--data", "letter"]) == 2


def test_a_run_without_a_past_has_nothing_to_say(tmp_path, data):
    """A random split of dated data is refused with what would do, and the report warns of it."""
    study = Study(models=[MODEL], data=[{"uri": data, "rows": 200}], recipes=["ridge"],
                  baselines={"majority": False, "raw": False, "untrained": False})  # fmt: skip
    found = study.run(tmp_path / "run", quiet=True)

    with pytest.raises(NothingToAssessError, match="scheme: forward"):
        lasting_models(found.folder, Question(refits=0))
    assert any("learned from the future" in note for note in found.selection()[0].caveats)


def test_bad_streams_are_refused(data, tmp_path, sliding):
    """An origin before all rows, several draws, too many refits, data without times, an unknown model."""
    for keys, says in (({"origin": "2019-01-01"}, "no past"), ({"origin": "soon"}, "not a date"),
                       ({"window": "2d", "refit": "growing"}, "the most"), ({"window": "moon"}, "window")):  # fmt: skip
        with pytest.raises((UsageError, DataError), match=says):
            dated(data, **{"refit": "growing", **keys}).run(tmp_path / "bad", quiet=True)
    with pytest.raises(UsageError, match="one draw"):
        Study(models=[MODEL], data=[data], draws=2, split={"scheme": "forward"}).run(tmp_path / "bad", quiet=True)
    with pytest.raises(SpecError):
        dated(data, refit="always")
    with pytest.raises(UnknownNameError, match="letters"):
        lasting_models(sliding.folder, Question(refits=0), model="leters (knn)")


def test_bare_dates_and_numbers_of_a_study_file_are_read():
    """YAML turns `origin: 2020-04-10` into a date and `window: 500` into a number; both mean what they say."""
    spec = Study(models=[MODEL], data=["csv:a.csv"], split={"scheme": "forward", "origin": datetime.date(2020, 4, 10),
                                                            "window": 500}).spec  # fmt: skip

    assert (spec.split.origin, spec.split.window) == ("2020-04-10", "500")
