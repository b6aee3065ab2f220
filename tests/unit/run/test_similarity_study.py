"""The doing half of similarity: data sets and models by name, stored statistics, the page and the command."""

import json

import pytest

from assay.cli.app import run
from assay.errors import DataError
from assay.run.similarity import SimilarityPlan, measure_similarity, similarity, statistics_of
from assay.similarity import Effort, moments
from assay.store.features import FeatureStore
from assay.store.statistics import read_statistics, write_statistics
from assay.testing.data import fake_dataset
from assay.testing.models import FakeModel

QUICK = Effort(resamples=10, splits=10, permutations=10, most=20)


@pytest.fixture(scope="module")
def studied(tmp_path_factory):
    """Three models and three data sets, one of them the source; one more source by its statistics."""
    store = FeatureStore(tmp_path_factory.mktemp("store"))
    models = {f"m{seed}": FakeModel(seed=seed, name=f"m{seed}") for seed in range(3)}
    kept = statistics_of(models["m0"], fake_dataset(80, seed=9), store, rows=80, rng_seed=0)
    plan = SimilarityPlan(
        models={name: lambda model=model: model for name, model in models.items()},
        targets={"near": fake_dataset(60, seed=1), "far": fake_dataset(60, seed=2, classes=4, signal=3.0)},
        sources={"source": fake_dataset(60, seed=3)}, statistics=[kept], effort=QUICK,
    )  # fmt: skip
    return similarity(plan, store, say=lambda words: None)


def test_every_pair_is_compared_under_every_model(studied):
    """Sources with targets and targets with each other, each with its extractor; statistics under their own model."""
    rows = studied.tables["similarity"]
    pairs = {(row["source"], row["target"], row["extractor"]) for row in rows if row["measure"] == "Fréchet distance"}

    assert {(*pair, f"m{seed}") for pair in (("source", "near"), ("source", "far"), ("near", "far"))
            for seed in range(3)} <= pairs  # fmt: skip
    stored = {pair for pair in pairs if pair[0].startswith("arrays:")}
    assert {extractor for _, _, extractor in stored} == {"m0"}
    assert {row["measure"] for row in rows} >= {"squared MMD", "OTDD", "Task2Vec", "label-space distance"}


def test_maps_hold_the_matrix_and_the_places(studied):
    """Tasks under each model and models on each task have a matrix; three or more of them have a map."""
    kinds = {figure.name.partition("_")[0]: figure.kind for figure in studied.figures}
    maps = [figure for figure in studied.figures if figure.name.startswith("map_")]

    assert kinds == {"matrix": "heatmap", "map": "scatter"}
    assert len(maps) == 5
    assert {row["role"] for row in maps[0].rows} == {"source", "target"}


def test_the_document_is_whole(studied):
    """The assessment can be written as JSON and drawn."""
    from assay.report.figures import draw

    assert json.loads(studied.to_json())["tables"]["models_similarity"]
    for figure in studied.figures:
        assert draw(figure).spec


def test_a_model_that_fails_is_told_and_left_out(tmp_path):
    """One broken model costs its own rows only."""
    plan = SimilarityPlan(
        models={"broken": lambda: FakeModel(broken=True, name="broken"), "good": FakeModel},
        targets={"a": fake_dataset(60, seed=1), "b": fake_dataset(60, seed=2)}, effort=QUICK,
    )  # fmt: skip
    found = measure_similarity(plan, FeatureStore(tmp_path), say=lambda words: None)

    assert "broken is left out" in found.notes[0]
    assert {item.extractor for item in found.comparisons} == {"good", "letters of the names"}


def test_statistics_survive_their_file(tmp_path, rng):
    """Mean, covariance, count and extractor are read back; the covariance is exact to rounding."""
    kept = moments(rng.normal(size=(30, 50)))
    write_statistics(tmp_path / "s.safetensors", kept, extractor="m@1", data="d")
    back = read_statistics(tmp_path / "s.safetensors")

    assert (back.extractor, back.data, back.moments.n) == ("m@1", "d", 30)
    assert back.moments.covariance == pytest.approx(kept.covariance, abs=1e-10)
    assert back.moments.factor.shape[0] <= 30


def test_a_file_that_holds_no_statistics_is_refused(tmp_path):
    """The error names the file."""
    (tmp_path / "x.safetensors").write_bytes(b"nothing")
    with pytest.raises(DataError, match=r"x\.safetensors"):
        read_statistics(tmp_path / "x.safetensors")


def test_the_commands_measure_and_save(tmp_path, capsys):
    """`assay similarity` writes statistics that `--source-statistics` reads, and both give one JSON document."""
    model, digits = "py:assay.testing.models:fake_images", "sklearn:digits"
    shared = ["--model", model, "--rows", "60", "--json"]
    assert run(["similarity", *shared, "--data", digits, "--save-statistics", str(tmp_path)]) == 0
    (file,) = tmp_path.glob("*.safetensors")
    capsys.readouterr()

    assert run(["similarity", *shared, "--data", digits, "--source-statistics", str(file)]) == 0
    rows = json.loads(capsys.readouterr().out)["tables"]["similarity"]
    (stored,) = [row for row in rows if row["measure"] == "Fréchet distance"]
    assert abs(stored["distance"]["value"]) < 1e-8
    assert stored["p_value"] is None


def test_a_run_says_how_near_its_source_is(tmp_path, capsys):
    """`assay reusability RUN --source-data … --target …` has similarity, its indicator and the maps."""
    from assay import Study

    model = {"uri": "py:assay.testing.models:fake_images", "label": "fake"}
    study = Study(models=[model], data=[{"uri": "sklearn:digits", "label": "digits", "rows": 200}], recipes=["ridge"])
    path = study.run(tmp_path / "run", quiet=True).path
    options = ["--source-data", "py:assay.testing.data:fake_dataset", "--json"]

    assert run(["reusability", str(path), *options, "--target", "digits"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["tables"]["indicators"][0]["similarity"]["value"] > 0
    assert {row["extractor"] for row in found["tables"]["similarity"]} == {"fake", "letters of the names"}
    assert run(["reusability", str(path), *options, "--target", "digist"]) == 2
    assert "digits" in capsys.readouterr().err
