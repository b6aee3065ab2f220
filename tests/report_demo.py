"""Assessments of every lens's shape, made up, and the same with hostile text in every field a user controls."""

from __future__ import annotations

import base64
import datetime as dt
import itertools
import math
import re
import struct
import zlib
from typing import Any

import numpy as np

from assay.estimate import Estimate
from assay.finding import Assessment, Figure, Finding
from assay.report.summary import Mistake, RunSummary

MODELS = (
    "timm:vit_small_patch16_224.augreg_in21k_ft_in1k", "timm:vit_small_patch16_224.augreg_in21k", "resnet50.a1_in1k",
    "efficientnet_lite1", "efficientnet_lite0", "convnext_tiny", "mobilenetv3_large_100", "random:efficientnet_lite0",
)  # fmt: skip

PAYLOADS = (
    "<script>window.__xss=1</script>",
    "</script><script>window.__xss=2</script>",
    "<img src=x onerror=window.__xss=3>",
    "<svg onload=window.__xss=4>",
    "<svg><script>window.__xss=5</script></svg>",
    "\"><script>window.__xss=6</script>",
    "'><img src=x onerror=window.__xss=7>",
    "\" onmouseover=window.__xss=8 x=\"",
    "' onfocus=window.__xss=9 autofocus '",
    "javascript:window.__xss=10",
    "data:text/html,<script>parent.__xss=11</script>",
    "<iframe srcdoc='<script>parent.__xss=12</script>'></iframe>",
    "<a href=javascript:window.__xss=13>x</a>",
    "{{ 7*7 }}{% set x = 1 %}{{ ''.__class__ }}",
    "${window.__xss=15}",
    "<!--<script>window.__xss=16</script>",
    "-->]]><script>window.__xss=17</script>",
    "</style><script>window.__xss=18</script>",
    "</title><script>window.__xss=19</script>",
    "</textarea></details><script>window.__xss=20</script>",
    "\u2028window.__xss=21\u2029",
    "<math><mi xlink:href='javascript:window.__xss=22'>x</mi></math>",
    "<details open ontoggle=window.__xss=23>",
    "&lt;script&gt;window.__xss=24&lt;/script&gt;",
    "\\u003cscript\\u003ewindow.__xss=25\\u003c/script\\u003e",
    "datum.__proto__.constructor('window.__xss=26')()",
    "<base href=//example.invalid/><link rel=stylesheet href=//example.invalid/x.css>",
    "<meta http-equiv=refresh content='0;url=//example.invalid'>",
    "__proto__", "constructor", "a.b[0]['c']\\", "\x07\x1b[31m\u202egnp.exe", "../../../etc/passwd\x00",
    "half \udc80 pair",
    "<style>*{background:url(//example.invalid/i.png)}</style>",
)  # fmt: skip


def estimate(name: str, value: float, half: float, *, unit: str = "fraction") -> Estimate:
    """An estimate with a symmetric interval."""
    return Estimate(name=name, value=value, low=value - half, high=value + half, level=0.95, n=1000, unit=unit,
                    method="Wilson score", population="these items again")  # fmt: skip


def selection() -> Assessment:
    """The shape of the selection lens: ranking, cost, classes, pairs."""
    rows = [
        {"model": model, "score": estimate("accuracy", 0.93 - 0.025 * i, 0.02 + 0.004 * i), "group": f"group {i // 3}",
         "rank_low": i // 3 + 1, "rank_high": i // 3 + 3, "p_best": max(0.0, 0.6 - 0.2 * i),
         "cost": {"seconds": 10 * 1.7**i, "parameters": int(4e6 * 1.9**i), "peak_bytes": int(3e8 * 1.2**i)},
         "finetuned": estimate("accuracy", 0.95 - 0.02 * i, 0.02) if i < 5
         else Estimate.unknown("accuracy", "no fine-tuned trial was run; add finetune to the recipes")}
        for i, model in enumerate(MODELS)
    ]  # fmt: skip
    rows.append({"model": "broken", "score": Estimate.unknown("accuracy", "one class only in the test rows")})
    ranking = Figure(name="ranking", kind="intervals", title="Accuracy of each model", rows=rows, x="score", y="model",
                     colour="group", x_title="accuracy", options={"rule": 0.78, "rule_label": "majority"})  # fmt: skip
    points = [{"model": row["model"], "seconds": row["cost"]["seconds"], "score": row["score"], "front": i % 3 == 0}
              for i, row in enumerate(rows[:-1])]  # fmt: skip
    cost = Figure(name="cost", kind="scatter", title="Score against cost", rows=points, x="seconds", y="score",
                  options={"label": "model", "log_x": True, "front": "front"})  # fmt: skip
    cells = [{"model": model, "class": f"class {c}", "recall": None if (i, c) == (2, 4) else 0.95 - 0.03 * i - 0.01 * c}
             for i, model in enumerate(MODELS) for c in range(10)]  # fmt: skip
    classes = Figure(name="per_class", kind="heatmap", title="Recall by class", rows=cells, x="class", y="model",
                     colour="recall")  # fmt: skip
    recipes = [{"model": model, "recipe": recipe, "score": estimate("accuracy", 0.9 - 0.02 * i - 0.03 * j, 0.02)}
               for i, model in enumerate(MODELS[:5]) for j, recipe in enumerate(("finetune", "probe"))]  # fmt: skip
    lanes = Figure(name="recipes", kind="intervals", title="Frozen and fine-tuned", rows=recipes, x="score", y="model",
                   colour="recipe")  # fmt: skip
    pairs = [{"better": a, "other": b, "difference": estimate("difference", 1.5, 1.1, unit="points"), "p": 0.03}
             for a, b in itertools.combinations(MODELS, 2)]  # fmt: skip
    findings = (
        Finding(lens="selection", claim="efficientnet_lite1 beats its untrained twin.", subjects=("lite1",),
                estimates=(estimate("gain", 12.4, 1.8, unit="points"),), verdict="yes", method="paired bootstrap",
                evidence="1,000 test items"),
        Finding(lens="selection", claim="efficientnet_lite1 is better than efficientnet_lite0.", verdict="undetermined",
                caveats=("about 9,000 items would separate them",)),
        Finding(lens="selection", claim="The largest model is the best.", verdict="no",
                estimates=(Estimate.unknown("rank_correlation", "fewer than six models of known size"),)),
    )  # fmt: skip
    return Assessment(
        lens="selection", question="Which of 8 pretrained models should be built on?",
        verdict="Build on efficientnet_lite1 or efficientnet_lite0: they cannot be told apart on these 1,000 items.",
        findings=findings, tables={"ranking": rows, "pairs": pairs}, figures=(classes, cost, ranking, lanes),
        estimates=(estimate("best_score", 0.9512, 0.0131), estimate("regret", 0.21, 0.2, unit="points"),
                   Estimate.unknown("rows_to_separate", "the paired differences are all zero", unit="items")),
        inputs={"digest": "a3f9c2e17b0d", "rows": 40, "task": "mnist", "options": {"level": 0.95}},
        caveats=("The test rows come from the same source as the training rows.",), cost={"seconds": 42.125},
    )  # fmt: skip


def durability() -> Assessment:
    """The shape of the durability lens: curves with a forecast, a waterfall, windows."""
    rows = [{"window": (dt.date(2015, 1, 1) + dt.timedelta(days=30 * i)).isoformat(), "performance": 0.9 - 0.004 * i,
             "low": 0.87 - 0.005 * i, "high": 0.93 - 0.003 * i, "model": f"model {j}", "forecast": i > 20}
            for j in range(3) for i in range(28)]  # fmt: skip
    for row in rows:
        row["performance"] -= 0.03 * int(str(row["model"])[-1])
    curve = Figure(name="performance", kind="curve", title="Performance over time", rows=rows, x="window",
                   y="performance", low="low", high="high", colour="model",
                   options={"dashed": "forecast", "rule": 0.8, "rule_label": "retrain below 0.80"})  # fmt: skip
    causes = [{"cause": "label shift", "effect": estimate("effect", -0.02, 0.008)},
              {"cause": "covariate shift", "effect": estimate("effect", -0.035, 0.01)},
              {"cause": "overfitting", "effect": Estimate.unknown("effect", "no training score was kept")},
              {"cause": "class mix", "effect": estimate("effect", 0.01, 0.004)}]  # fmt: skip
    waterfall = Figure(name="causes", kind="waterfall", title="Why it fades", rows=causes, x="effect", y="cause",
                       options={"start": "first window", "end": "last window", "start_value": 0.91})  # fmt: skip
    values = np.random.default_rng(5).beta(5, 2, 800)
    histogram = Figure(name="confidence", kind="histogram", title="Confidence", x="confidence", colour="right",
                       rows=[{"confidence": float(value), "right": bool(value > 0.6)} for value in values])  # fmt: skip
    return Assessment(
        lens="durability", question="How long does it last, and why does it fade?",
        verdict="It loses 5 points in two years. Retrain by May 2018.", figures=(curve, waterfall, histogram),
        estimates=(estimate("half_life", 31.5, 6.25, unit="months"),),
        tables={"windows": [{"window": f"2016-{m:02d}", "performance": estimate("performance", 0.9 - 0.01 * m, 0.02)}
                            for m in range(1, 13)]},
        caveats=("Labels of the last window may still arrive.",),
    )  # fmt: skip


def others() -> list[Assessment]:
    """The shapes of the remaining lenses: sliders, bars, parallel axes, a diverging grid, a curve over numbers."""
    rng = np.random.default_rng(7)
    indicators = ["similarity", "performance", "time", "complexity"]
    scores = ((0.2, 1.0, 0.1, 0.3), (0.9, 0.6, 0.5, 0.4), (1.0, 0.0, 1.0, 1.0))
    weighed = [{"model": model, **dict(zip(indicators, row, strict=True))}
               for model, row in zip(MODELS[:3], scores, strict=True)]  # fmt: skip
    weighed.append({"model": "unmeasured", "similarity": 1.0, "performance": None, "time": 1.0, "complexity": 0.0})
    sliders = Figure(name="weights", kind="weights", title="Who wins under which weighting", rows=weighed, y="model",
                     options={"indicators": indicators})  # fmt: skip
    labels = [{"labels": k, "score": estimate("score", 1 - 0.6 / k**0.3, 0.03)} for k in (1, 2, 5, 10, 50, 100)]
    few = Figure(name="few", kind="curve", title="Few labels", rows=labels, x="labels", y="score",
                 options={"log_x": True})  # fmt: skip
    importance = [{"parameter": name, "share": estimate("share", value, 0.05)}
                  for name, value in (("learning_rate", 0.61), ("optimizer", 0.22), ("momentum", 0.01))]  # fmt: skip
    bars = Figure(name="importance", kind="bars", title="Importance", rows=importance, x="share", y="parameter")
    configs = [{"lr": 10 ** float(rng.uniform(-5, -1)), "optimizer": ("sgd", "adam", "adamw")[int(rng.integers(3))],
                "depth": int(rng.integers(1, 5)), "score": float(rng.uniform(0.5, 0.9))}
               for _ in range(60)]  # fmt: skip
    parallel = Figure(name="configs", kind="parallel", title="Configurations", rows=configs, colour="score",
                      options={"dims": ["lr", "optimizer", "depth"]})  # fmt: skip
    grid = [{"a": a, "b": b, "difference": 0.02 * (j - i)} for i, a in enumerate(MODELS) for j, b in enumerate(MODELS)]
    diverging = Figure(name="differences", kind="heatmap", title="Differences", rows=grid, x="b", y="a",
                       colour="difference",
                       options={"scheme": "diverging", "points": [{"x": MODELS[0], "y": MODELS[2]}]})  # fmt: skip
    ordinal = Figure(name="steps", kind="curve", title="By window", x="window", y="score",
                     rows=[{"window": f"window {k}", "score": 0.9 - 0.01 * k} for k in range(12)])  # fmt: skip
    return [
        Assessment(lens="reusability", question="How far does it carry?", verdict="It depends on the weights.",
                   figures=(sliders, few)),
        Assessment(lens="configurability", question="What does tuning buy?", verdict="About 4 points.",
                   figures=(bars, parallel)),
        Assessment(lens="sustainability", question="Will it hold elsewhere?", verdict="The order of the best changes.",
                   figures=(diverging, ordinal)),
    ]  # fmt: skip


def all_lenses() -> list[Assessment]:
    """One assessment of each lens."""
    return [durability(), *others(), selection()]


def run_summary(*, smoke: bool = False) -> RunSummary:
    """A run of two data sets."""
    return RunSummary(
        title="Demo: digits and letters", study="demo", smoke=smoke,
        models=[{"model": model, "parameters": 4_650_000 + i, "licence": "MIT"} for i, model in enumerate(MODELS)],
        data=[{"data": "digits", "rows": 5000, "classes": 10, "duplicates_across_splits": 3}],
        environment={"python": "3.11", "device": "cpu", "versions": {"torch": "2.15"}, "seeds": [0, 1]},
        command="assay run demo.yaml\nassay report runs/demo", cost=[{"stage": "features", "seconds": 31.25}],
        notes=("One trial failed.",),
        mistakes=[
            Mistake(id="item 3", target="7", label="1", confidence=0.9921, model="efficientnet_lite1", data="digits",
                    image=png(8)),
            Mistake(id="doc 12", target="space", label="medicine", confidence=0.97, model="minilm", data="letters",
                    text="The dose that an astronaut receives in a year is what worries me most of all. " * 12),
        ],
    )  # fmt: skip


def png(side: int) -> str:
    """A square of grey as a PNG in a data URI."""
    lines = b"".join(b"\0" + bytes((16 * (i + j)) % 256 for j in range(side)) for i in range(side))

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(data).decode()


class Poison:
    """Adds a payload to every string of a structure; one string always becomes the same, so references still hold."""

    KEPT_VALUES = ("kind", "verdict", "lens", "schema", "scheme", "image")
    FIGURE_KEYS = {"name", "kind", "title", "rows", "x", "y", "low", "high", "colour", "x_title", "y_title", "options",
                   "alt"}  # fmt: skip
    OPTION_KEYS = {"rule", "rule_label", "label", "log_x", "log_y", "front", "group", "dashed", "points", "scheme",
                   "start", "end", "start_value", "dims", "indicators"}  # fmt: skip

    def __init__(self) -> None:
        self.given: dict[str, str] = {}

    def text(self, value: str) -> str:
        if re.fullmatch(r"\d{4}-\d{2}(-\d{2})?", value):
            return value
        if value not in self.given:
            self.given[value] = value + PAYLOADS[len(self.given) % len(PAYLOADS)]
        return self.given[value]

    def value(self, value: Any, keys: set[str] | None = None) -> Any:
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.value(item, keys) for item in value]
        if isinstance(value, dict):
            ours = "population" in value and "reason" in value
            return {key if ours or (keys and key in keys) else self.text(key):
                    item if key in self.KEPT_VALUES else self.value(item) for key, item in value.items()}  # fmt: skip
        return value

    def assessment(self, assessment: Assessment) -> Assessment:
        document = assessment.to_dict()
        findings = set(document["findings"][0]) if document["findings"] else set()
        verdict = self.text(document["verdict"])
        figures = [self.figure(figure) for figure in document["figures"]]
        parts = ("question", "findings", "estimates", "tables", "inputs", "caveats", "cost")
        poisoned = {key: self.value(document[key], findings if key == "findings" else None) for key in parts}
        return Assessment.from_dict({**poisoned, "schema": document["schema"], "verdict": verdict, "figures": figures})

    def figure(self, figure: dict[str, Any]) -> dict[str, Any]:
        options = {key: item if key == "scheme" else self.value(item, {"x", "y"} if key == "points" else None)
                   for key, item in figure["options"].items()}  # fmt: skip
        rest = {key: item for key, item in figure.items() if key != "options"}
        return {**self.value(rest, self.FIGURE_KEYS), "kind": figure["kind"], "options": options}

    def run(self, run: RunSummary) -> RunSummary:
        record = {name: self.value(getattr(run, name)) for name in ("title", "study", "models", "data", "environment",
                                                                    "command", "cost")}  # fmt: skip
        mistakes = [
            Mistake(**{name: self.text(getattr(item, name)) for name in ("id", "target", "label", "model", "data")},
                    confidence=item.confidence, text=item.text and self.text(item.text),
                    image='data:image/png,"><script>window.__xss=99</script>' if item.image else None)
            for item in run.mistakes
        ]  # fmt: skip
        mistakes.append(
            Mistake(id="x", target="", label="", confidence=None, model="", image="https://example.invalid/i.png")
        )
        return RunSummary(**record, mistakes=mistakes, notes=[self.text(note) for note in run.notes])


def finite_numbers(value: Any) -> set[float]:
    """Every number in a JSON document."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return set()
    if isinstance(value, (int, float)):
        assert math.isfinite(value)
        return {float(value)}
    items = value.values() if isinstance(value, dict) else value
    return set().union(*(finite_numbers(item) for item in items), set())
