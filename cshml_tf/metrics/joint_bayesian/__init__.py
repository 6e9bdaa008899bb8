"""The heterogeneous joint Bayesian classifier: is a sharp and a small face one person? NumPy and SciPy only.

Sources: Chen, Cao, Wang, Wen and Sun, "Bayesian face revisited: a joint formulation", ECCV 2012, for features of
one kind; Zeng, Spreeuwers, Veldhuis and Zhao, IET Image Processing 2019, for features of two kinds. An HR feature
is x = mu_x + e_x and an LR feature y = mu_y + e_y. The person's means (mu_x; mu_y) are drawn from N(0, S), the
noises from N(0, T_x) and N(0, T_y). The equations of the fit and of the score are derived here from this model.
"""

from cshml_tf.metrics.joint_bayesian.classifier import HR, LR, JointBayesian
from cshml_tf.metrics.joint_bayesian.covariances import Covariances
from cshml_tf.metrics.joint_bayesian.fitting import Fit, fit_joint_bayesian

__all__ = ["HR", "LR", "Covariances", "Fit", "JointBayesian", "fit_joint_bayesian"]
