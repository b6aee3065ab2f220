"""Results of other tools are read as one long table each, with what the lens must be told."""

import json

import numpy as np
import pytest

from assay.assess.sustainability import sustainability
from assay.errors import DataError
from assay.ledger.readers.results import read_results


def _write(path, document):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def _harness(model, arc, wiki, *, errors=True):
    """A results document as lm-evaluation-harness writes it."""
    return {
        "results": {
            "arc_easy": {"alias": "arc_easy", "acc,none": arc, "acc_stderr,none": 0.01 if errors else "N/A",
                         "acc_norm,none": arc + 0.05, "acc_norm_stderr,none": 0.011 if errors else "N/A"},
            "wikitext": {"alias": "wikitext", "word_perplexity,none": wiki, "word_perplexity_stderr,none": 0.2},
            "gsm8k": {"exact_match,strict-match": arc - 0.1, "exact_match_stderr,strict-match": 0.02,
                      "exact_match,flexible-extract": arc, "exact_match_stderr,flexible-extract": 0.02},
            "group": {"acc,none": 0.4, "alias": "group"},
        },
        "group_subtasks": {"group": ["arc_easy"], "arc_easy": []},
        "higher_is_better": {"arc_easy": {"acc": True}, "wikitext": {"word_perplexity": False}},
        "n-samples": {"arc_easy": {"original": 2376, "effective": 2376}},
        "versions": {"arc_easy": 1.0}, "n-shot": {"arc_easy": 0},
        "config": {"model_args": f"pretrained={model},dtype=float16", "batch_size": 8, "device": "cuda:0"},
    }  # fmt: skip


def test_harness_documents_become_rows(tmp_path):
    """Every metric of every task with its standard error; groups are left out; lower is better where it says so."""
    table = read_results(_write(tmp_path / "results_1.json", _harness("org/one", 0.7, 12.0)))

    assert table.attrs["reader"] == "lm-evaluation-harness"
    assert set(table["model"]) == {"org/one"}
    assert set(table["task"]) == {"arc_easy", "wikitext", "gsm8k"}
    assert set(table[table["task"] == "gsm8k"]["metric"]) == {
        "exact_match (strict-match)", "exact_match (flexible-extract)"
    }  # fmt: skip
    row = table[(table["task"] == "arc_easy") & (table["metric"] == "acc")].iloc[0]
    assert (row["score"], row["error"], row["n"], row["n_shot"]) == (0.7, 0.01, 2376, 0)
    assert table.attrs["options"] == {"error": "error"}
    assert set(table.loc[~table["higher_is_better"], "task"]) == {"wikitext"}


def test_a_folder_of_harness_documents_is_one_table(tmp_path):
    """Models in their own folders are put together, and the lens reads them with the options given."""
    for name, arc, wiki in (("one", 0.8, 10.0), ("two", 0.7, 12.0), ("three", 0.6, 14.0)):
        _write(tmp_path / name / "results_2024.json", _harness(name, arc, wiki))
        _write(tmp_path / name / "samples.json", [{"doc_id": 0}])

    table = read_results(tmp_path)
    found = sustainability(table, **table.attrs["options"])

    assert [row["model"] for row in found.tables["ranking"]] == ["one", "two", "three"]
    assert found.tables["ranking"][0]["mean_again"].population == "these tasks again, with other items"
    assert any(row["kind"] == "metric" for row in found.tables["stability"])


def test_harness_documents_without_errors_promise_none(tmp_path):
    """A standard error that was not computed is no number."""
    table = read_results(_write(tmp_path / "results.json", _harness("one", 0.7, 12.0, errors=False)))

    assert "error" not in table.attrs["options"]
    assert np.isnan(table[table["metric"] == "acc"]["error"].astype(float).iloc[0])


def test_mteb_folders_become_rows(tmp_path):
    """The main score of the test split, averaged over languages, with the model's name from its meta file."""
    for model, score in (("a", 0.6), ("b", 0.5)):
        folder = tmp_path / f"org__{model}" / "abc123"
        if model == "a":
            _write(folder / "model_meta.json", {"name": "org/a-1.5", "revision": "abc123"})
        for task in ("Banking77Classification", "STS22"):
            _write(folder / f"{task}.json", {
                "task_name": task, "dataset_revision": "r1", "mteb_version": "1.39",
                "scores": {"validation": [{"main_score": 0.1, "hf_subset": "en"}],
                           "test": [{"main_score": score, "hf_subset": "en"}, {"main_score": score + 0.2, "hf_subset": "de"}]},
            })  # fmt: skip

    table = read_results(tmp_path)

    assert table.attrs["reader"] == "MTEB"
    assert set(table["model"]) == {"org/a-1.5", "org/b"}
    row = table[(table["model"] == "org/b") & (table["task"] == "STS22")].iloc[0]
    assert row["score"] == pytest.approx(0.6)
    assert row["split"] == "test"
    assert sustainability(table).tables["ranking"][0]["model"] == "org/a-1.5"


def test_helm_tables_become_rows(tmp_path):
    """Scenarios and metrics from the header; the mean win rate is left out; lower is better where it says so."""
    table = {
        "title": "Accuracy",
        "header": [{"value": "Model"}, {"value": "Mean win rate"},
                   {"value": "NarrativeQA - F1", "metadata": {"run_group": "NarrativeQA", "metric": "F1"}},
                   {"value": "OpenbookQA - EM", "lower_is_better": False}, {"value": "Toxicity", "lower_is_better": True}],
        "rows": [[{"value": "GPT"}, {"value": 0.9}, {"value": 0.77}, {"value": 0.95}, {"value": 0.02}],
                 [{"value": "Llama"}, {"value": 0.6}, {"value": 0.7}, {"value": None}, {"value": 0.01}]],
    }  # fmt: skip

    found = read_results(_write(tmp_path / "core_scenarios.json", [table, {"title": "Calibration"}]))

    assert found.attrs["reader"] == "HELM"
    assert set(found["task"]) == {"NarrativeQA", "OpenbookQA", "Toxicity"}
    assert len(found) == 5
    assert set(found.loc[~found["higher_is_better"], "task"]) == {"Toxicity"}
    assert found[found["task"] == "NarrativeQA"]["metric"].tolist() == ["F1", "F1"]


def test_timm_folders_become_rows(tmp_path):
    """One row a model and test set, with the sizes of the known sets; a model at two image sizes is two models."""
    for name, shift in (("imagenet", 0), ("imagenet-a", -40)):
        (tmp_path / f"results-{name}.csv").write_text(
            "model,img_size,top1,top5,param_count\n"
            f"resnet,224,{80 + shift},95,25.5\nvit,224,{84 + shift},97,\"1,013.01\"\nvit,384,{86 + shift},98,86\n"
        )  # fmt: skip
    (tmp_path / "benchmark.csv").write_text("model,speed\nresnet,10\n")

    table = read_results(tmp_path)

    assert table.attrs["reader"] == "timm"
    assert set(table["model"]) == {"resnet", "vit@224", "vit@384"}
    assert table[table["task"] == "imagenet-a"]["n"].tolist() == [7500] * 3
    assert table.attrs["options"] == {"n": "n"}


def test_any_table_is_read_as_it_stands(tmp_path):
    """What no tool is known by is a table, JSON records included."""
    (tmp_path / "t.csv").write_text("model,a\nx,1\n")
    (tmp_path / "t.json").write_text('[{"model": "x", "a": 1}]')

    assert read_results(tmp_path / "t.csv")["a"].tolist() == [1]
    assert read_results(tmp_path / "t.json")["a"].tolist() == [1]


def test_folders_without_results_say_what_would_be_read(tmp_path):
    """An empty folder, two tools in one, and results without a score are named."""
    with pytest.raises(DataError, match="neither a run folder"):
        read_results(tmp_path)
    _write(tmp_path / "a" / "results.json", _harness("one", 0.7, 12.0))
    _write(tmp_path / "b" / "c" / "Task.json", {"task_name": "Task", "scores": {"test": [{"main_score": 0.5}]}})
    with pytest.raises(DataError, match="mixes results of MTEB and lm-evaluation-harness"):
        read_results(tmp_path)
    with pytest.raises(DataError, match="holds no score"):
        read_results(_write(tmp_path / "empty.json", {"results": {"arc": {"alias": "arc"}}}))
