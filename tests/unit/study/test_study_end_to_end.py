"""A whole study on a small fake model: run, resume, report, export, serve; and what happens when things go wrong."""

import json

import numpy as np
import pytest

import assay
from assay import Study
from assay.cli.app import run
from assay.errors import DataError, NothingToAssessError, SpecError, UnknownNameError, UsageError
from assay.ledger import open_run
from assay.ledger.past import past_results
from assay.report.documents import read_json
from assay.run.describe import summarize
from assay.sources.data import from_arrays
from assay.study import Run

FAKE = "py:assay.testing.models:fake_images"
BROKEN = "py:assay.testing.models:fake_broken"
DIGITS = {"uri": "sklearn:digits", "label": "digits", "rows": 200}


def a_study(**keys) -> Study:
    return Study(models=[{"uri": FAKE, "label": "fake"}], data=[DIGITS], **({"recipes": ["ridge"]} | keys))


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Run:
    path = tmp_path_factory.mktemp("study") / "run"
    return a_study(recipes=["ridge", "knn"], draws=2).run(path, quiet=True)


def test_a_study_leaves_a_row_for_every_trial(finished):
    """Model, twin and baselines, every recipe and draw: all done."""
    rows = finished.folder.trials()

    assert {row.role for row in rows} == {"model", "twin", "raw", "majority"}
    assert all(row.status == "ok" for row in rows), [row.error for row in rows]
    assert finished.tally.failed == 0


def test_a_folder_of_runs_is_a_past_to_learn_from(finished, tmp_path):
    """Each pretrained model and data set is one row, with the best recipe's median; twins and baselines stay out."""
    table = past_results(finished.path.parent)
    scores = {}
    for row in finished.folder.trials():
        if row.role == "model":
            scores.setdefault(row.method, []).append(row.scores["test"]["accuracy"])

    assert table[["model", "dataset"]].to_numpy().tolist() == [[FAKE, "sklearn:digits"]]
    assert table["accuracy"].tolist() == [max(np.median(found) for found in scores.values())]
    with pytest.raises(NothingToAssessError, match="no run"):
        past_results(tmp_path)
    with pytest.raises(UsageError, match="no such"):
        past_results(tmp_path / "nowhere")


def test_the_same_study_again_runs_nothing(finished):
    """Every trial is reused and no model is loaded."""
    again = a_study(recipes=["ridge", "knn"], draws=2).run(finished.path, quiet=True)

    assert again.tally.done == 0
    assert again.tally.reused == len(finished.folder.trials())


def test_a_run_folder_is_a_study_to_go_on_with(finished, capsys):
    """What the page tells to type again finds the study in the folder, and every trial done."""
    command = read_json(finished.report().with_suffix(".json"))[1].command

    assert command == f"assay run {finished.path}"
    assert run(command.split()[1:]) == 0
    assert f"0 trials run, {len(finished.folder.trials())} already there" in capsys.readouterr().err
    assert Study.from_file(finished.path).spec == a_study(recipes=["ridge", "knn"], draws=2).spec


def test_a_folder_without_a_run_is_no_study(tmp_path):
    """The error says what a folder must hold to be run again."""
    with pytest.raises(DataError, match="nothing was planned"):
        Study.from_file(tmp_path)
    (tmp_path / "study.json").write_text("[]")
    with pytest.raises(DataError, match="no study that a run keeps"):
        Study.from_file(tmp_path)


def test_mistakes_show_items_that_are_in_memory_only(tmp_path):
    """Data given as arrays can be studied, and shown in the report of that call; their folder says what it lacks."""
    rng = np.random.default_rng(0)
    items = rng.integers(0, 255, (60, 8, 8)).astype(np.uint8)
    data = from_arrays(items, rng.integers(0, 2, 60), name="noise", modality="image")
    result = Study(models=[FAKE], data=[data], recipes=["ridge"]).run(tmp_path / "run", quiet=True)

    mistakes = summarize(result.folder, result.selection()).mistakes
    assert mistakes
    assert all(item.image for item in mistakes)
    with pytest.raises(SpecError, match="was in the memory of a program"):
        Study.from_file(result.path)
    assert not any(item.image for item in summarize(Run.open(result.path).folder, result.selection()).mistakes)


def test_a_recipe_solves_all_draws_and_seeds_of_a_model_in_one_call(tmp_path, monkeypatch):
    """The probe is given the whole grid of a model at once, so that one factorisation serves it."""
    from assay.adapt.probe import Probe

    given, real = [], Probe.run
    monkeypatch.setattr(Probe, "run", lambda self, jobs: given.append(list(jobs)) or real(self, jobs))
    recipes = ["probe", {"method": "probe", "scale": "standard"}]
    study = a_study(recipes=recipes, draws=2, seeds=2, baselines={"untrained": False, "raw": False})
    study.run(tmp_path / "run", quiet=True)

    assert [len(jobs) for jobs in given] == [8]
    assert len({id(job.features) for job in given[0]}) == 1


def test_a_wider_study_runs_only_what_is_new(tmp_path):
    """Adding a draw leaves the trials of the first draw alone."""
    first = a_study(draws=1).run(tmp_path / "run", quiet=True)
    wider = a_study(draws=2).run(tmp_path / "run", quiet=True)

    assert wider.tally.reused == first.tally.done
    assert wider.tally.done == first.tally.done


def test_all_models_see_the_same_rows(finished):
    """The test items of a draw are the same for the model, its twin and the baselines."""
    by_draw: dict[int, set[tuple[str, ...]]] = {}
    for row in finished.folder.trials():
        ids = tuple(sorted(finished.folder.predictions(row.key).ids))
        by_draw.setdefault(row.draw, set()).add(ids)

    assert all(len(found) == 1 for found in by_draw.values())
    assert len(by_draw) == 2


def test_the_report_and_the_documents_are_written(finished):
    """One page, one JSON document, tables as CSV; the verdict stands in the page."""
    page = finished.report()

    assert finished.selection()[0].verdict.split(".")[0][:20] in page.read_text(encoding="utf-8")
    assert json.loads(finished.folder.paths.assessments.read_text(encoding="utf-8"))
    assert list(finished.folder.paths.tables.glob("*.csv"))


def test_an_exported_model_predicts_what_the_trial_predicted(finished, tmp_path):
    """The exported folder serves the labels that the study's own head gave."""
    from assay.run.export import export
    from assay.sources.data import load_data

    card = export(finished.folder, "fake", tmp_path / "served", recipe="ridge")
    served = assay.load(tmp_path / "served")
    kept = open_run(finished.path).predictions(card["key"])
    data = load_data("sklearn:digits")
    rows = np.flatnonzero(np.isin(data.ids, kept.ids))
    said = dict(zip(kept.ids.tolist(), kept.labels().tolist(), strict=True))
    labels = served.predict(list(data.load(rows)))

    assert labels == [served.labels[said[str(name)]] for name in data.ids[rows]]


def test_a_model_that_yields_nan_fails_and_the_study_goes_on(tmp_path):
    """The broken model's trials are failed rows with the reason; the other model is ranked."""
    study = Study(
        models=[{"uri": FAKE, "label": "fake"}, {"uri": BROKEN, "label": "broken"}], data=[DIGITS], recipes=["ridge"],
        baselines={"untrained": False},
    )  # fmt: skip
    result = study.run(tmp_path / "run", quiet=True)
    failed = [row for row in result.folder.trials() if row.status == "failed"]

    assert failed
    assert all("broken" in row.model and "NaN" in (row.error or "") for row in failed)
    assert [row["model"] for row in result.selection()[0].tables["ranking"]] == ["fake"]


def test_a_smoke_run_is_marked(tmp_path):
    """A limited study says so in its rows and in its assessment."""
    result = a_study(limit=60, baselines={"untrained": False}).run(tmp_path / "run", quiet=True)

    assert all(row.smoke for row in result.folder.trials())
    assert any("smoke" in caveat for caveat in result.selection()[0].caveats)


def test_all_faults_of_a_study_file_are_told_at_once_with_their_lines(tmp_path, capsys):
    """Unknown keys, recipes, parameters and metrics: each with its place and the nearest right name."""
    path = tmp_path / "study.yaml"
    path.write_text(
        "modles: [x]\nmodels: [timmm:resnet18]\ndata: [sklearn:digits]\ndraws: 0\n"
        "recipes:\n  - prob\n  - method: knn\n    kk: 3\nmetrics: [acuracy]\nbudgets: [5, al]\n"
    )
    assert run(["check", str(path)]) == 2
    told = capsys.readouterr().err.splitlines()

    assert "7 faults" in told[0]
    for line, (place, advice) in zip(told[1:], [
        ("line 1, modles", "did you mean 'models'"), ("line 2, models[0]", "did you mean 'timm'"),
        ("line 4, draws", "got 0"), ("line 6, recipes[0]", "did you mean 'probe'"), ("line 7, recipes[1]", "'kk'"),
        ("line 9, metrics[0]", "did you mean 'accuracy'"), ("line 10, budgets[1]", "write a whole number or 'all'"),
    ], strict=True):  # fmt: skip
        assert place in line
        assert advice in line


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("models: [a\n", "line"),
        ("models: [a]\nmodels: [b]\n", "duplicate"),
        ("a: &x [1]\nb: *x\n", "aliases"),
        ("- 1\n", "table of keys"),
    ],
)
def test_a_file_that_is_no_study_is_refused_in_words(tmp_path, text, told):
    """Broken YAML, repeated keys, aliases and lists are told with their line."""
    path = tmp_path / "study.yaml"
    path.write_text(text)

    with pytest.raises(SpecError, match=told):
        Study.from_file(path)


def test_an_unknown_model_is_refused_before_anything_runs(tmp_path):
    """A misspelt name costs no training."""
    with pytest.raises(UnknownNameError, match="did you mean"):
        Study(models=["timm:resnet81"], data=[DIGITS]).run(tmp_path / "run", quiet=True)


def test_names_with_html_and_slashes_stay_inside_the_run_folder(tmp_path):
    """Labels never become paths, and the page does not run them."""
    label = "../../x/<script>window.__xss=1</script>"
    study = Study(models=[{"uri": FAKE, "label": label}], data=[{**DIGITS, "label": "a/<b>"}], recipes=["ridge"])
    result = study.run(tmp_path / "deep" / "run", quiet=True)
    page = result.report().read_text(encoding="utf-8")

    assert {path.name for path in tmp_path.iterdir()} == {"deep"}
    assert "<script>window.__xss=1</script>" not in page


def test_status_ls_and_check_answer_for_a_finished_run(finished, capsys):
    """The three commands end with 0 and one JSON document."""
    for words in (["status"], ["ls"], ["check"]):
        assert run([*words, str(finished.path), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["schema"] == f"assay/{words[0]}/1"


def test_subtasks_by_class_are_tasks_of_their_own(tmp_path):
    """One data set in five subtasks gives five tasks of two classes each."""
    study = Study(
        models=[{"uri": FAKE, "label": "fake"}], data=[{**DIGITS, "rows": 400, "subtasks": {"by": "class", "n": 5}}],
        recipes=["ridge"], baselines={"untrained": False, "raw": False},
    )  # fmt: skip
    result = study.run(tmp_path / "run", quiet=True)

    assert len(result.selection()) == 5
    assert {row.subtask for row in result.folder.trials()} == {"0+1", "2+3", "4+5", "6+7", "8+9"}
