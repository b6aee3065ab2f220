"""What must be true of imports for the door to stay light. Times are processor time, so that a busy machine counts not."""

import resource
import subprocess
import sys


def processor_seconds(*words: str) -> tuple[float, str]:
    """The least processor time of three runs of Python with these arguments, and what the last one printed."""
    seconds = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        result = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(seconds), result.stdout


def test_the_door_loads_no_torch_and_opens_fast():
    """`import assay` takes under half a second, the interpreter's own start included, and brings nothing heavy."""
    seconds, loaded = processor_seconds(
        "-c", "import sys, assay; print({'torch', 'pandas', 'sklearn', 'scipy'} & set(sys.modules))"
    )

    assert loaded.strip() == "set()"
    assert seconds < 0.5


def test_help_is_fast():
    """`assay --help` answers in under a second."""
    seconds, printed = processor_seconds("-m", "assay", "--help")

    assert "Usage:" in printed
    assert seconds < 1.0
