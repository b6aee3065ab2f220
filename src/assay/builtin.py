"""Our own names for every seam, as lazy strings: nothing is imported until it is asked for.

To add one, add a line here and a row to the conformance suite; other packages use the entry-point group instead.
"""

from __future__ import annotations

from typing import Any

from assay.contracts import Adapter, DataSource, ModelSource
from assay.registry import Registry

MODEL_SOURCES: Registry[ModelSource] = Registry(
    "model source",
    {
        "hf": "assay.sources.models.hf:load",
        "keras": "assay.sources.models.keras:load",
        "onnx": "assay.sources.models.onnx:load",
        "py": "assay.sources.models.module:load",
        "st": "assay.sources.models.sentence_transformers:load",
        "timm": "assay.sources.models.timm:load",
        "torchvision": "assay.sources.models.torchvision:load",
    },
    extras={"hf": "text", "keras": "keras", "onnx": "onnx", "py": "torch", "st": "text", "timm": "vision",
            "torchvision": "vision"},
)  # fmt: skip

DATA_SOURCES: Registry[DataSource] = Registry(
    "data source",
    {
        "csv": "assay.sources.data.table:load_csv",
        "folder": "assay.sources.data.folder:load",
        "hf": "assay.sources.data.hf:load",
        "jsonl": "assay.sources.data.table:load_jsonl",
        "parquet": "assay.sources.data.table:load_parquet",
        "py": "assay.sources.data.function:load",
        "sklearn": "assay.sources.data.sklearn:load",
        "torchvision": "assay.sources.data.torchvision:load",
        "tsv": "assay.sources.data.table:load_tsv",
    },
    extras={"hf": "hub", "torchvision": "vision"},
)

ADAPTERS: Registry[Adapter] = Registry(
    "recipe",
    {
        "centroid": "assay.adapt.centroid:CENTROID",
        "compress": "assay.adapt.network.compress:COMPRESS",
        "finetune": "assay.adapt.network.finetune:FINETUNE",
        "head": "assay.adapt.head:HEAD",
        "knn": "assay.adapt.knn:KNN",
        "lora": "assay.adapt.network.lora:LORA",
        "majority": "assay.adapt.majority:MAJORITY",
        "probe": "assay.adapt.probe:PROBE",
        "ridge": "assay.adapt.ridge:RIDGE",
        "zeroshot": "assay.adapt.zeroshot:ZEROSHOT",
    },
    extras={"compress": "torch", "finetune": "torch", "head": "torch", "lora": "peft"},
)

ENGINES: Registry[Any] = Registry(
    "engine",
    {
        "compiled": "assay.features.engines.compiled:COMPILED",
        "model": "assay.features.engines.own:OWN",
        "openvino": "assay.features.engines.openvino:OPENVINO",
        "torch": "assay.features.engines.eager:EAGER",
    },
    extras={"compiled": "torch", "openvino": "openvino", "torch": "torch"},
)
