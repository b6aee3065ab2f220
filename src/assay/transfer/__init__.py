"""Transferability scores: (features, labels) to a number, one paper a file. Higher is better for all of them.

- `battery`: every score of one model at once, with reasons where there is none
- `ridge_loo`, `knn_loo`, `few_step_probe`: accuracy on rows left out, the unit people know
- `logme`, `h_score`, `shrinkage_h_score`, `transrate`, `gbc`, `sfda`, `ped`, `parc`, `lfc`, `pactran_gauss`, `nleep`:
  from features and labels
- `leep`, `nce`: from the source head's probabilities
- `ncti_parts`, `ncti`: relative to a pool of models

`Factorisation.of(x)` holds what they share; every function takes it in place of the features.
"""

from assay.transfer.battery import SCORES, battery
from assay.transfer.factorisation import Factorisation
from assay.transfer.few_step_probe import few_step_probe
from assay.transfer.gbc import gbc
from assay.transfer.h_score import h_score, shrinkage_h_score
from assay.transfer.knn import knn_loo
from assay.transfer.leep import leep
from assay.transfer.lfc import lfc
from assay.transfer.logme import logme
from assay.transfer.nce import nce
from assay.transfer.ncti import ncti, ncti_parts
from assay.transfer.nleep import nleep
from assay.transfer.pactran import pactran_gauss
from assay.transfer.parc import parc
from assay.transfer.ped import ped
from assay.transfer.ridge import ridge_loo
from assay.transfer.sfda import sfda
from assay.transfer.transrate import transrate

__all__ = [
    "SCORES",
    "Factorisation",
    "battery",
    "few_step_probe",
    "gbc",
    "h_score",
    "knn_loo",
    "leep",
    "lfc",
    "logme",
    "nce",
    "ncti",
    "ncti_parts",
    "nleep",
    "pactran_gauss",
    "parc",
    "ped",
    "ridge_loo",
    "sfda",
    "shrinkage_h_score",
    "transrate",
]
