"""How near two tasks, or two models' views of the same items, are. Every distance is 0 for the same, more is farther.

- `compare_sets`: two sets under one extractor, every distance with interval, floor, p-value and warnings; from features
  `frechet_distance`, `mmd`, `kid`, `proxy_a_distance`, from features and labels `otdd`, `task2vec_distance`
- `compare_models`: two models on the same items, the same by `linear_cka`, `rbf_cka`, `rsa`, `procrustes_distance`
- `compare_head`: how much of the target's classes the source's own head leaves unexplained (`leep_similarity`,
  `nce_similarity`)
- `compare_names`: how far the names of the classes are from each other (`label_space_distance`, `name_vectors`)
- `compare_moments`: a source of which only `Moments` are kept
- `lay_out`: a map of tasks or models from a matrix of distances

`set_distances` and `model_distances` give the plain numbers alone. Everything takes arrays; nothing reads a disk.
"""

from assay.similarity.between_models import compare_models, model_distances
from assay.similarity.between_sets import SetFeatures, compare_sets, set_distances
from assay.similarity.catalogue import HEAD_MEASURES, MODEL_MEASURES, SET_MEASURES
from assay.similarity.cka import linear_cka, rbf_cka
from assay.similarity.comparison import Comparison
from assay.similarity.frechet import Moments, frechet_distance, moments
from assay.similarity.geometry import procrustes_distance, rsa
from assay.similarity.label_space import label_space_distance, name_vectors
from assay.similarity.maps import Map, lay_out
from assay.similarity.mmd import Discrepancy, kid, mmd
from assay.similarity.otdd import otdd
from assay.similarity.proxy_a import DomainClassifier, proxy_a_distance
from assay.similarity.resampling import Effort
from assay.similarity.source_head import leep_similarity, nce_similarity
from assay.similarity.task2vec import task2vec, task2vec_distance
from assay.similarity.unpaired import compare_head, compare_moments, compare_names

__all__ = [
    "HEAD_MEASURES",
    "MODEL_MEASURES",
    "SET_MEASURES",
    "Comparison",
    "Discrepancy",
    "DomainClassifier",
    "Effort",
    "Map",
    "Moments",
    "SetFeatures",
    "compare_head",
    "compare_models",
    "compare_moments",
    "compare_names",
    "compare_sets",
    "frechet_distance",
    "kid",
    "label_space_distance",
    "lay_out",
    "leep_similarity",
    "linear_cka",
    "mmd",
    "model_distances",
    "moments",
    "name_vectors",
    "nce_similarity",
    "otdd",
    "procrustes_distance",
    "proxy_a_distance",
    "rbf_cka",
    "rsa",
    "set_distances",
    "task2vec",
    "task2vec_distance",
]
