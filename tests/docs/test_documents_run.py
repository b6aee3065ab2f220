"""What the README and the examples show is executed."""

import importlib.util
import re
from pathlib import Path

import pytest

from assay.config.reading import load_study

ROOT = Path(__file__).parents[2]


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(language: str) -> list:
    """Every block of a language in the README and in docs/, named by its page and its place there."""
    found = []
    for page in PAGES:
        texts = re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.S)
        found += [pytest.param(text, id=f"{page.stem}-{i}") for i, text in enumerate(texts)]
    return found


@pytest.mark.parametrize("block", blocks("python"))
def test_every_python_block_runs(block, tmp_path, monkeypatch):
    """The code that the documents show works as it stands, in an empty folder."""
    monkeypatch.chdir(tmp_path)

    exec(compile(block, "document", "exec"), {})


@pytest.mark.parametrize("block", blocks("yaml"))
def test_every_study_that_is_shown_is_a_study(block, tmp_path):
    """The study files that the documents show pass the strict reader."""
    path = tmp_path / "study.yaml"
    path.write_text(block)

    assert load_study(path).models


@pytest.mark.parametrize("block", blocks("sh"))
def test_every_command_that_is_shown_exists(block):
    """The commands that the documents show are in the table of commands, with the options that they have."""
    from typer.main import get_command

    from assay.cli import app

    app._register()
    known = get_command(app.app).commands
    for line in block.splitlines():
        words = line.split("#")[0].split()
        if words[:1] == ["assay"]:
            options = {option for parameter in known[words[1]].params for option in parameter.opts}
            assert {word for word in words[2:] if word.startswith("--")} <= options, line


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_example_is_a_study(path):
    """The study files among the examples pass the strict reader, hub names and all."""
    assert load_study(path).recipes


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.yaml")), ids=lambda path: path.stem)
def test_every_example_runs_on_a_stand_in(path, tmp_path, capsys):
    """Each example ends with a verdict and a report, on a small model and little data."""
    spec = importlib.util.spec_from_file_location("example", ROOT / "examples" / "run.py")
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)

    run = example.main([path.stem, "--stand-in", "--run", str(tmp_path / "run")])

    assert run.tally.failed == 0, run.tally.errors
    assert "report.html" in capsys.readouterr().out
