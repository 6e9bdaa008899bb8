"""Coupled mappings: linear maps of HR and LR embeddings into one space, learned from people seen in both.

They are the classical baselines of table 5 of the paper and need only NumPy and SciPy.
"""

from cshml_tf.evaluation.scface.coupled_mappings.fitting import Fitting
from cshml_tf.evaluation.scface.coupled_mappings.mapping import CoupledMapping
from cshml_tf.evaluation.scface.coupled_mappings.methods import fit_dmds, fit_ldmds, fit_mds

__all__ = ["CoupledMapping", "Fitting", "fit_dmds", "fit_ldmds", "fit_mds"]
