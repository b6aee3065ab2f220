"""What a folder's card and files say of a model: its licence and the size of its weights."""

from __future__ import annotations

import re
from pathlib import Path


def licence_of(folder: Path) -> str:
    """The licence in the head of `README.md`, as the hub's cards write it; empty where it is not stated."""
    card = folder / "README.md"
    if not card.is_file():
        return ""
    head = re.match(r"\A---\n(.*?)\n---", card.read_text(encoding="utf-8", errors="replace"), re.DOTALL)
    stated = re.search(r"^license:[ \t]*(\S+)[ \t]*$", head.group(1), re.MULTILINE) if head else None
    return stated.group(1).strip("'\"") if stated else ""


def weight_bytes(folder: Path) -> int | None:
    """Bytes of the weights in a folder and below: safetensors, else torch files; None without any."""
    for endings in ((".safetensors",), (".bin", ".pth", ".pt")):
        found = [path.stat().st_size for path in folder.rglob("*") if path.suffix in endings]
        if found:
            return sum(found)
    return None
