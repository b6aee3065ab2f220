"""Fine-tuning all of EfficientNet-Lite0 at 96 and 224 pixels: the recipe against a plain float32 eager loop.

Both train the same network from the same weights on the same MNIST images in the same order, with AdamW, judge the same
validation rows after each epoch and keep the best one. Each has a process of its own, both are warmed up, and one trains
after the other, twice. The plain loop holds its images as one tensor and takes the better of all threads and half of
them, for free; what the recipe's settings cost to choose is counted. CPU seconds of all threads stand beside wall-clock
seconds, since other work on the machine moves the latter.

    [ASSAY_QUICK=1] python benchmarks/finetune_speed.py [--size 96] [--size 224]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from typing import Any

import numpy as np

LIMIT = 1.25
LR, HEAD_LR, WEIGHT_DECAY = 1e-4, 1e-3, 0.01
QUICK = bool(os.environ.get("ASSAY_QUICK"))
PLANS = {96: (32, 128, 3), 224: (8, 32, 3)} if QUICK else {96: (32, 320, 6), 224: (8, 96, 5)}
"""Pixels → items a batch, rows to learn from, epochs: at least 60 steps, so that settings are measured; with ASSAY_QUICK
set a dozen, which run with the settings that an unmeasured training has."""
ROUNDS = 2
VALID, TEST = (16, 50) if QUICK else (64, 500)


def a_job(size: int, epochs: int) -> Any:
    """The job both sides do."""
    from assay.adapt.parameters import resolve
    from assay.contracts import AdaptJob
    from assay.demo.data import mnist5k
    from assay.demo.weights import efficientnet_lite0
    from assay.sources.models.inputs.images import ImageInputs
    from assay.sources.models.networks.network_model import NetworkModel
    from assay.spec import DataSlice, ModelRef, TrialSpec

    parts, data = efficientnet_lite0(), mnist5k()
    for module in parts.network.modules():
        if hasattr(module, "running_var"):
            module.momentum = 0.1  # torch's default; the weights' own needs thousands of steps to follow
    inputs = replace(parts.inputs, size=(size, size), shorter=size) if isinstance(parts.inputs, ImageInputs) else None
    assert inputs is not None
    ref = ModelRef(source="py", name=f"assay.demo.weights:efficientnet_lite0@{size}", revision=parts.revision)
    model = NetworkModel(ref, network=parts.network, inputs=inputs, facts=parts.facts)
    batch, rows, _ = PLANS[size]
    order = np.random.default_rng(0).permutation(len(data))
    train, valid, test = np.split(order[: rows + VALID + TEST], [rows, rows + VALID])
    recipe = resolve("finetune", {"head_epochs": 0, "epochs": epochs, "batch_size": batch, "schedule": "constant",
                                  "lr": LR, "head_lr": HEAD_LR, "weight_decay": WEIGHT_DECAY, "patience": 0})  # fmt: skip
    part = DataSlice(data=data.ref, split="s")
    spec = TrialSpec(model=ref, train=part, test=part, recipe=recipe, draw=0, seed=0)
    return AdaptJob(spec=spec, task=data.task, targets=data.targets, train=np.sort(train), valid=np.sort(valid),
                    test=np.sort(test), model=model, dataset=data, device="cpu")  # fmt: skip


def ours(job: Any) -> dict[str, Any]:
    """The recipe."""
    from assay.adapt.network.finetune import FINETUNE

    (result,) = FINETUNE.run([job])
    assert result.error is None, result.error
    right = result.parts["test"].label == job.targets[job.test]
    return {"history": [dict(epoch) for epoch in result.history], "right": right.tolist(),
            "chosen": dict(result.chosen)}  # fmt: skip


def plain(size: int) -> dict[str, Any]:
    """A hand-written float32 eager loop, as one would write it without thinking of the machine."""
    import torch
    from torch import nn

    from assay.rng import stream

    job, (batch, _, epochs) = a_job(size, 1), PLANS[size]
    assert job.model is not None
    assert job.dataset is not None

    def read(rows: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(job.model.collate(job.dataset.load(rows))["pixels"])

    y = torch.as_tensor(np.asarray(job.targets), dtype=torch.int64)
    place = {int(row): k for k, row in enumerate(job.train)}
    x, x_test, x_valid = read(job.train), read(job.test), read(job.valid)
    net = nn.Sequential(job.model.network, nn.Linear(1280, 10))
    nn.init.zeros_(net[1].weight)
    nn.init.zeros_(net[1].bias)
    start = {name: value.clone() for name, value in net.state_dict().items()}
    optimizer = _adamw(net)

    def step(rows: np.ndarray) -> float:
        optimizer.zero_grad(set_to_none=True)
        loss = nn.functional.cross_entropy(net(x[[place[int(row)] for row in rows]]), y[rows])
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    def right(images: torch.Tensor, rows: np.ndarray) -> np.ndarray:
        net.eval()
        with torch.no_grad():
            said = torch.cat([net(images[at : at + batch]) for at in range(0, len(images), batch)])
        return said.argmax(1).numpy() == np.asarray(job.targets)[rows]

    net.train()
    threads = _better_threads(lambda: step(job.train[:batch]))
    net.load_state_dict(start)
    optimizer, generator = _adamw(net), stream(0, "order of rows", 0)
    history, best, kept = [], -1.0, start
    for _ in range(epochs):
        began, began_cpu = time.perf_counter(), time.process_time()
        net.train()
        order = generator.permutation(job.train)
        loss = float(np.mean([step(order[at : at + batch]) for at in range(0, len(order), batch)]))
        score = float(right(x_valid, job.valid).mean())
        if score > best:
            best, kept = score, {name: value.clone() for name, value in net.state_dict().items()}
        history.append({"train_loss": loss, "valid_score": score, "steps": len(order) / batch,
                        "seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - began_cpu})  # fmt: skip
    net.load_state_dict(kept)
    return {"history": history, "right": right(x_test, job.test).tolist(), "settings": {"threads": threads}}


def _adamw(net: Any) -> Any:
    import torch

    groups = [{"params": net[1].parameters(), "lr": HEAD_LR}, {"params": net[0].parameters(), "lr": LR}]
    return torch.optim.AdamW(groups, weight_decay=WEIGHT_DECAY)


def _better_threads(step: Any) -> int:
    """All threads or half of them, by three steps each after one that warms up."""
    import torch

    everything, found = torch.get_num_threads(), {}
    for threads in {everything, max(1, everything // 2)}:
        torch.set_num_threads(threads)
        step()
        times = []
        for _ in range(3):
            began = time.perf_counter()
            step()
            times.append(time.perf_counter() - began)
        found[threads] = min(times)
    best = min(found, key=lambda threads: found[threads])
    torch.set_num_threads(best)
    return best


def in_turns(script: str, size: int) -> dict[str, dict[str, Any]]:
    """Both sides of a benchmark, one whole training after the other, and again in the other order.

    The histories of the rounds follow one another. A process that waits while the other works would find its memory
    taken away on some machines, so none waits.
    """
    found: dict[str, list[dict[str, Any]]] = {"plain": [], "ours": []}
    for k in range(ROUNDS):
        for side in ("plain", "ours") if k % 2 == 0 else ("ours", "plain"):
            done = subprocess.run(
                [sys.executable, script, "--side", side, "--size", str(size)], stdout=subprocess.PIPE, text=True,
                env={**os.environ, "PYTHONWARNINGS": "ignore"}, check=True,
            )  # fmt: skip
            found[side].append(json.loads(done.stdout.splitlines()[-1]))
    return {side: {**runs[0], "history": [epoch for run in runs for epoch in run["history"]]}
            for side, runs in found.items()}  # fmt: skip


def compare(size: int) -> bool:
    """Both sides in turns; prints what they took and whether the claims hold."""
    found = in_turns(__file__, size)
    seconds, cpu = ({side: np.array([epoch[name] for epoch in f["history"]]) for side, f in found.items()}
                    for name in ("seconds", "cpu_seconds"))  # fmt: skip
    steps, settings = (
        sum(epoch["steps"] for epoch in found["ours"]["history"]) / ROUNDS,
        found["ours"]["chosen"]["settings"],
    )
    mine, theirs = (np.array(found[side]["right"]) for side in ("ours", "plain"))
    off = abs(float(mine.mean() - theirs.mean()))
    noise = 1.96 * float(np.std(mine.astype(float) - theirs)) / np.sqrt(len(mine)) + 1.0 / len(mine)
    print(f"{size} pixels, batch {PLANS[size][0]}, {steps:.0f} steps; load of the machine {os.getloadavg()[0]:.1f}")
    print(f"  ours {settings}\n  plain {found['plain']['settings']}")
    for name, table in (("seconds an epoch", seconds), ("CPU seconds an epoch", cpu)):
        print(f"  {name:22s} plain {np.round(table['plain'], 1)}  ours {np.round(table['ours'], 1)}")
    for side in found:
        print(f"  {side} training loss {[round(epoch['train_loss'], 4) for epoch in found[side]['history']]}")
    print(f"  accuracy on {len(mine)} other rows: plain {theirs.mean():.3f}, ours {mine.mean():.3f}")
    rate, cpu_rate = (float(np.median(table["plain"] / table["ours"])) for table in (seconds, cpu))
    whole = seconds["plain"].sum() / (seconds["ours"].sum() + ROUNDS * settings["seconds"])
    print(f"  CPU seconds a step, plain / ours {cpu_rate:.2f}")
    print(f"  steps a second, ours / plain {rate:.2f} / limit {LIMIT}: {'pass' if rate >= LIMIT else 'FAIL'}")
    print(f"  the same with {settings['seconds']:.0f} s of choosing counted over these {steps:.0f} steps: {whole:.2f}")
    print(f"  equal score, difference {off:.3f} / noise {noise:.3f}: {'pass' if off <= noise else 'FAIL'}", flush=True)
    return rate >= LIMIT and off <= noise


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, action="append", choices=sorted(PLANS))
    parser.add_argument("--side", choices=("plain", "ours"))
    args = parser.parse_args()
    sizes = args.size or sorted(PLANS)
    if args.side:
        size = sizes[0]
        found = plain(size) if args.side == "plain" else ours(a_job(size, PLANS[size][2]))
        print(json.dumps(found), flush=True)
        return
    verdicts = [compare(size) for size in sizes]
    sys.exit(0 if all(verdicts) else 1)


if __name__ == "__main__":
    main()
