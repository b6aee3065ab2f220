"""`assay sustainability`: every form of table, every bad input of a table, and what it prints."""

import json

import numpy as np
import pandas as pd
import pytest

from assay.cli.app import run


@pytest.fixture
def frame():
    """Eight models two points apart on seven tasks, in percent."""
    rng = np.random.default_rng(0)
    scores = 80 - 2 * np.arange(8)[:, None] + 5 * rng.normal(size=(1, 7)) + rng.normal(size=(8, 7))
    table = pd.DataFrame(scores.round(2), columns=[f"task{j}" for j in range(7)])
    table.insert(0, "model", [f"m{i}" for i in range(8)])
    return table


def _run(capsys, *arguments):
    """Exit status, standard output and standard error of one command."""
    status = run(["sustainability", *map(str, arguments)])
    out, err = capsys.readouterr()
    return status, out, err


def _document(capsys, *arguments):
    status, out, err = _run(capsys, *arguments, "--json")
    assert status == 0, err
    return json.loads(out)


@pytest.mark.parametrize("form", ["csv", "tsv", "parquet", "jsonl", "R", "long"])
def test_every_form_of_table_gives_the_same_ranking(tmp_path, capsys, frame, form):
    """Commas, tabs, Parquet, JSON lines, a header one column short, and a long table."""
    path = tmp_path / f"table.{form}"
    options = []
    if form in ("csv", "tsv"):
        frame.to_csv(path, index=False, sep="\t" if form == "tsv" else ",")
    elif form == "parquet":
        frame.to_parquet(path)
    elif form == "jsonl":
        frame.to_json(path, orient="records", lines=True)
    elif form == "R":
        path.write_text(frame.set_index("model").to_csv(sep="\t").replace("model\t", "", 1))
    else:
        long = frame.melt("model", var_name="dataset", value_name="accuracy")
        long.rename(columns={"model": "system"}).to_csv(path, index=False)
        options = ["--model", "system", "--task", "dataset", "--score", "accuracy"]

    document = _document(capsys, path, *options)

    assert [row["model"] for row in document["tables"]["ranking"]] == [f"m{i}" for i in range(8)]
    assert document["schema"] == "assay/sustainability/1"
    assert document["inputs"]["unit"] == "points"
    mean = document["tables"]["ranking"][0]["mean"]
    assert set(mean) == {"name", "value", "low", "high", "level", "n", "unit", "method", "population", "reason"}


def test_words_are_for_people(tmp_path, capsys, frame):
    """Without --json the verdict comes first, then findings and tables."""
    frame.to_csv(tmp_path / "t.csv", index=False)

    status, out, _ = _run(capsys, tmp_path / "t.csv")

    assert status == 0
    assert "for other such tasks" in out.splitlines()[0]
    assert "ranking" in out
    assert "generalizability" in out


def _double(frame):
    return pd.concat([frame, frame.iloc[[0]]])


def _mixed_row(frame):
    return frame.assign(**{name: frame[name].where(frame.index != 2, frame[name] / 100) for name in frame.columns[1:]})


BAD = {
    "a model twice on a task": (_double, [], 2, "stands 2 times on task 'task0', in row 2"),
    "percent and fractions in a task": (_mixed_row, [], 2, "mix fractions and percent: model 'm2' (row 4"),
    "percent and fractions between tasks": (
        lambda f: f.assign(task3=f["task3"] / 100),
        [],
        2,
        "'task3' is in fractions",
    ),
    "all cells missing": (lambda f: f.assign(**dict.fromkeys(f.columns[1:])), [], 4, "all cells are missing"),
    "an unknown task for --lower": (lambda f: f, ["--lower", "taskk1"], 2, "did you mean 'task1'"),
    "an unknown column": (lambda f: f, ["--index", "modle"], 2, "did you mean 'model'"),
    "long and wide at once": (lambda f: f, ["--index", "model", "--score", "task1"], 2, "give one kind"),
    "two metrics refused": (lambda f: f.assign(task1="94/92"), ["--two-metrics", "refuse"], 2, "row 2, column 'task1'"),
    "an unknown way with two metrics": (lambda f: f, ["--two-metrics", "both"], 2, "mean, first, second or refuse"),
    "an impossible difference": (lambda f: f, ["--delta", "-1"], 2, "delta must be above 0"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named_with_its_place(tmp_path, capsys, frame, case):
    """Each bad input ends with its own exit status, one message, and what would work."""
    spoil, options, status, words = BAD[case]
    path = tmp_path / "bad.csv"
    spoil(frame).to_csv(path, index=False)

    found, out, err = _run(capsys, path, *options, "--json")

    assert found == status
    assert out == ""
    assert words in err
    assert "Traceback" not in err


STRANGE = {
    "one model": (lambda f: f.iloc[:1], [], "one model has no rank"),
    "one task": (lambda f: f[["model", "task0"]], [], "1 task cannot carry a rank claim"),
    "five tasks": (lambda f: f.drop(columns=["task0", "task1"]), [], "5 tasks cannot carry a rank claim"),
    "constant scores": (lambda f: f.assign(**dict.fromkeys(f.columns[1:], 50.0)), [], "nothing tells them apart"),
    "lower is better": (lambda f: f, [o for j in range(7) for o in ("--lower", f"task{j}")], "m7"),
}


@pytest.mark.parametrize("case", STRANGE)
def test_strange_tables_give_reasons_and_no_error(tmp_path, capsys, frame, case):
    """What cannot be ranked is said in the verdict, with exit status 0."""
    change, options, words = STRANGE[case]
    change(frame).to_csv(tmp_path / "t.csv", index=False)

    assert words in _document(capsys, tmp_path / "t.csv", *options)["verdict"]


def test_negative_components_are_said(tmp_path, capsys, frame):
    """A model component below 0 is reported as 0, and a caveat says so."""
    values = frame.iloc[:, 1:].to_numpy()
    frame.iloc[:, 1:] = values - values.mean(axis=1, keepdims=True) + 70
    frame.to_csv(tmp_path / "t.csv", index=False)

    caveats = _document(capsys, tmp_path / "t.csv")["caveats"]

    assert any("is negative for all models and is reported as 0" in caveat for caveat in caveats)


def test_a_task_with_one_model_is_said(tmp_path, capsys, frame):
    """A column with one filled cell compares nothing."""
    frame.loc[1:, "task3"] = np.nan
    frame.to_csv(tmp_path / "t.csv", index=False)

    assert any("one model only on task3" in caveat for caveat in _document(capsys, tmp_path / "t.csv")["caveats"])


def test_odd_cells_are_listed_with_their_place(tmp_path, capsys, frame):
    """Two metrics, marks and unreadable cells each have a row with file row and column."""
    frame = frame.astype(object)
    frame.iloc[1, 2], frame.iloc[2, 3], frame.iloc[3, 4], frame.iloc[4, 5] = "71/73", "-", "70.5*", "n.b."
    frame.to_csv(tmp_path / "t.csv", index=False)

    cells = _document(capsys, tmp_path / "t.csv")["tables"]["cells"]

    assert [(cell["place"], cell["kind"], cell["used"]) for cell in cells] == [
        ("row 3, column 'task1'", "two metrics", 72.0), ("row 5, column 'task3'", "mark", 70.5),
        ("row 6, column 'task4'", "unreadable", None),
    ]  # fmt: skip


def test_seeds_sizes_versions_and_sources(tmp_path, capsys, frame):
    """--seed, --n, --time and --against each add what they promise."""
    rng = np.random.default_rng(1)
    long = frame.melt("model", var_name="task", value_name="score")
    runs = pd.concat([long.assign(seed=s, score=long["score"] + rng.normal(0, 0.2, len(long))) for s in range(3)])
    runs.to_csv(tmp_path / "runs.csv", index=False)
    long.assign(n=1000).to_csv(tmp_path / "sizes.csv", index=False)
    later = long.assign(time="2024", score=long["score"] + rng.normal(0, 0.05, len(long)))
    later.loc[10, "score"] = 0.1
    pd.concat([long.assign(time="2023"), later]).to_csv(tmp_path / "time.csv", index=False)
    frame.to_csv(tmp_path / "wide.csv", index=False)

    seeds = _document(capsys, tmp_path / "runs.csv", "--seed", "seed")
    assert seeds["tables"]["ranking"][0]["mean_again"]["population"] == "these tasks again, with other seeds"
    sizes = _document(capsys, tmp_path / "sizes.csv", "--n", "n")
    assert sizes["tables"]["ranking"][0]["mean_again"]["population"] == "these tasks again, with other items"
    versions = _document(capsys, tmp_path / "time.csv", "--time", "time")
    assert [(flag["kind"], flag["time"]) for flag in versions["tables"]["flags"]] == [("fault", "2024")]
    sources = _document(capsys, tmp_path / "wide.csv", "--against", tmp_path / "sizes.csv")
    assert all(row["comparable"] for row in sources["tables"]["sources"])


def test_gates_level_seed_and_costs(tmp_path, capsys, frame):
    """--fail-if ends with 1 after printing, --level and --rng-seed reach the answer, costs are counted."""
    frame.to_csv(tmp_path / "t.csv", index=False)

    status, out, err = _run(capsys, tmp_path / "t.csv", "--json", "--fail-if", "detectable_effect > 0.1 points")
    assert status == 1
    assert json.loads(out)["inputs"]["level"] == 0.95
    assert "detectable_effect" in err
    assert _run(capsys, tmp_path / "t.csv", "--json", "--fail-if", "generalizability < 0.1")[0] == 0
    one, other = (_document(capsys, tmp_path / "t.csv", "--rng-seed", "7") for _ in range(2))
    assert one["tables"] == other["tables"]
    low = _document(capsys, tmp_path / "t.csv", "--level", "0.8")
    assert low["tables"]["ranking"][0]["mean"]["level"] == 0.8
    priced = _document(capsys, tmp_path / "t.csv", "--cost-task", "100", "--cost-run", "2", "--delta", "0.5")
    assert any(row["cost"] for row in priced["tables"]["needed"])


def test_a_page_is_written(tmp_path, capsys, frame):
    """--html writes one page that names the leader."""
    frame.to_csv(tmp_path / "t.csv", index=False)

    status, _, err = _run(capsys, tmp_path / "t.csv", "--html", tmp_path / "page.html")

    assert status == 0, err
    assert "m0" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_another_tools_folder_is_read(tmp_path, capsys, frame):
    """A folder of timm's results is a source, with its test sizes; a folder of nothing is not."""
    for task in ("imagenet", "imagenet-a"):
        rows = "\n".join(f"m{i},224,{score}" for i, score in enumerate(frame["task0"]))
        (tmp_path / f"results-{task}.csv").write_text(f"model,img_size,top1\n{rows}\n")

    document = _document(capsys, tmp_path)

    assert document["tables"]["ranking"][0]["mean_again"]["value"] is not None
    (tmp_path / "empty").mkdir()
    status, _, err = _run(capsys, tmp_path / "empty")
    assert status == 2
    assert "neither a run folder" in err
