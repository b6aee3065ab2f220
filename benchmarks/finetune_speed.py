"""Fine-tuning all of EfficientNet-Lite0 at 96 and 224 pixels: the recipe against a plain float32 eager loop.

Both train the same network from the same weights on the same MNIST images in the same order, with AdamW, and judge the
same validation rows after each epoch. Each runs in processes of its own, in turns, both warmed up. The plain loop holds
its images as one tensor and takes the better of all threads and half of them. What the recipe's settings cost to choose
is counted. CPU seconds stand beside wall-clock seconds, since other work on the machine moves the latter.

    python benchmarks/finetune_speed.py [--size 96] [--size 224] [--rounds 2]
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
LR, HEAD_LR, WEIGHT_DECAY, TEST = 1e-4, 1e-3, 0.01, 500
PLANS = {96: (32, 640, 3), 224: (16, 256, 4)}
"""Pixels → items a batch, rows to learn from, epochs; each at least 60 steps."""
VALID = 32


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


def ours(size: int) -> dict[str, Any]:
    """The recipe; seconds of training with what choosing its settings took."""
    from assay.adapt.network.finetune import FINETUNE

    job = a_job(size, PLANS[size][2])
    began = time.process_time()
    (result,) = FINETUNE.run([job])
    cpu = time.process_time() - began
    assert result.error is None, result.error
    seconds = [epoch["seconds"] for epoch in result.history]
    settings = result.chosen["settings"]
    right = result.parts["test"].label == job.targets[job.test]
    return {
        "epoch": min(seconds), "total": sum(seconds) + settings["seconds"], "cpu": cpu,
        "steps": sum(epoch["steps"] for epoch in result.history), "right": right.tolist(), "settings": settings,
        "loss": [epoch["train_loss"] for epoch in result.history],
    }  # fmt: skip


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
    x_test, x_valid = read(job.test), read(job.valid)
    net = nn.Sequential(job.model.network, nn.Linear(1280, 10))
    nn.init.zeros_(net[1].weight)
    nn.init.zeros_(net[1].bias)
    start = {name: value.clone() for name, value in net.state_dict().items()}
    began_cpu = time.process_time()
    x = read(job.train)
    optimizer = _adamw(net)

    def step(rows: np.ndarray) -> float:
        optimizer.zero_grad(set_to_none=True)
        loss = nn.functional.cross_entropy(net(x[[place[int(row)] for row in rows]]), y[rows])
        loss.backward()
        optimizer.step()
        return float(loss.detach())

    net.train()
    spent = time.process_time()
    threads = _better_threads(lambda: step(job.train[:batch]))
    spent = time.process_time() - spent
    net.load_state_dict(start)
    optimizer = _adamw(net)
    generator, seconds, losses = stream(0, "order of rows", 0), [], []
    for _ in range(epochs):
        began = time.perf_counter()
        net.train()
        order = generator.permutation(job.train)
        losses.append(float(np.mean([step(order[at : at + batch]) for at in range(0, len(order), batch)])))
        net.eval()
        with torch.no_grad():
            net(x_valid)
        seconds.append(time.perf_counter() - began)
    with torch.no_grad():
        said = torch.cat([net(x_test[at : at + batch]) for at in range(0, len(x_test), batch)]).argmax(1).numpy()
        _ = [net(x[at : at + batch]) for at in range(0, len(x), batch)]  # the recipe predicts its training rows too
    cpu = time.process_time() - began_cpu - spent
    return {
        "epoch": min(seconds), "total": sum(seconds), "cpu": cpu, "steps": epochs * len(job.train) / batch,
        "right": (said == job.targets[job.test]).tolist(), "settings": {"threads": threads}, "loss": losses,
    }  # fmt: skip


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


def compare(size: int, rounds: int) -> bool:
    """Both sides in turns; prints what they took and whether the claims hold."""
    found: dict[str, list[dict[str, Any]]] = {"plain": [], "ours": []}
    for k in range(rounds):
        for side in ("plain", "ours") if k % 2 == 0 else ("ours", "plain"):
            line = subprocess.run(
                [sys.executable, __file__, "--side", side, "--size", str(size)], check=True, capture_output=True,
                text=True, env={**os.environ, "PYTHONWARNINGS": "ignore"},
            ).stdout.splitlines()[-1]  # fmt: skip
            found[side].append(json.loads(line))
    one, other = ([min(r[name] for r in found[side]) for name in ("epoch", "total", "cpu")] for side in found)
    fastest, total = one[0] / other[0], one[1] / other[1]
    steps = found["ours"][0]["steps"]
    mine, theirs = (np.array(found[side][0]["right"]) for side in ("ours", "plain"))
    off = abs(float(mine.mean() - theirs.mean()))
    noise = 1.96 * float(np.std(mine.astype(float) - theirs)) / np.sqrt(len(mine)) + 1.0 / len(mine)
    print(f"{size} pixels, batch {PLANS[size][0]}, {steps:.0f} steps, {rounds} rounds each")
    print(f"  settings      ours {found['ours'][0]['settings']}")
    print(f"                plain {found['plain'][0]['settings']}")
    for name, values in (
        ("fastest epoch", (one[0], other[0])),
        ("all, choosing counted", (one[1], other[1])),
        ("CPU", (one[2], other[2])),
    ):
        print(f"  {name:22s} plain {values[0]:7.1f} s   ours {values[1]:7.1f} s   ratio {values[0] / values[1]:.2f}")
    print(
        f"  training loss of the epochs: plain {np.round(found['plain'][0]['loss'], 4)}, ours {np.round(found['ours'][0]['loss'], 4)}"
    )
    print(f"  accuracy on {len(mine)} other rows: plain {theirs.mean():.3f}, ours {mine.mean():.3f}")
    rate, whole, equal = fastest >= LIMIT, total >= 1.0, off <= noise
    print(f"  steps a second {fastest:.2f} / limit {LIMIT}: {'pass' if rate else 'FAIL'}")
    print(f"  never slower, choosing counted {total:.2f} / limit 1.00: {'pass' if whole else 'FAIL'}")
    print(f"  equal score, difference {off:.3f} / noise {noise:.3f}: {'pass' if equal else 'FAIL'}", flush=True)
    return rate and whole and equal


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, action="append", choices=sorted(PLANS))
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--side", choices=("plain", "ours"))
    args = parser.parse_args()
    sizes = args.size or sorted(PLANS)
    if args.side:
        print(json.dumps({"plain": plain, "ours": ours}[args.side](sizes[0])))
        return
    verdicts = [compare(size, args.rounds) for size in sizes]
    sys.exit(0 if all(verdicts) else 1)


if __name__ == "__main__":
    main()
