"""What must be true of the project's own text: tests promise, doors are listed, nothing names this or that machine."""

import ast
import importlib
import re
import subprocess
from pathlib import Path

import pytest

from assay import builtin
from assay.cli.app import COMMANDS
from assay.registry import Registry

ROOT = Path(__file__).parents[2]
TESTS = sorted((ROOT / "tests").rglob("test_*.py"))


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_every_test_states_its_promise(path):
    """Each test function has a docstring of one sentence."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    silent = [
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and not ast.get_docstring(node)
    ]

    assert silent == []


DOORS = [
    "assay", "assay.contracts", "assay.metrics", "assay.similarity", "assay.stats", "assay.testing", "assay.transfer",
]  # fmt: skip


@pytest.mark.parametrize("door", DOORS)
def test_each_door_is_sorted_and_every_name_opens(door):
    """`__all__` is alphabetical (constants, types, functions) and lists what can be had, each with its documentation."""
    module = importlib.import_module(door)

    assert module.__all__ == sorted(module.__all__, key=lambda name: (not name.isupper(), name[0].islower(), name))
    for name in module.__all__:
        assert getattr(module, name).__doc__, name


@pytest.mark.parametrize("registry", [value for value in vars(builtin).values() if isinstance(value, Registry)])
def test_every_built_in_loads(registry):
    """Each lazy string of each seam names something that is there."""
    for name in registry:
        assert registry[name] is not None


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_explains_itself(name):
    """Each command of the table has a file, and a function whose docstring is its help."""
    module = importlib.import_module(f"assay.cli.{name.replace('-', '_')}")

    assert module.command.__doc__


def test_links_between_documents_lead_somewhere():
    """Relative links and mentioned files in the Markdown files exist."""
    broken = []
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if "://" not in target and not (page.parent / target).exists():
                broken.append(f"{page.name}: {target}")

    assert broken == []


def test_no_committed_text_names_a_machine_or_a_registry():
    """No absolute path of a developer's machine and no host of a package registry is committed."""
    pattern = r"(^|[^A-Za-z.])/(home|root|farm|Users)/|pypi\.org|pythonhosted|npmjs\.org|deb\.debian"
    found = subprocess.run(
        ["git", "grep", "-nE", pattern, "--", ".", ":!tests/architecture/test_promises.py"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert found.stdout == ""


def test_percentages_are_written_in_one_way():
    """No source formats a percentage by itself: `show_share` and `show_level` write 58 %, never 58%."""
    sources = (ROOT / "src").rglob("*.py")

    assert [path.name for path in sources if re.search(r":\.\d%\}", path.read_text(encoding="utf-8"))] == []
