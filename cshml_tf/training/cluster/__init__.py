"""The processes that train one network together: who they are, what they tell each other, and what ends them."""

from cshml_tf.training.cluster.agreement import agree
from cshml_tf.training.cluster.joined import join
from cshml_tf.training.cluster.place import Place, read_place
from cshml_tf.training.cluster.single import Cluster

__all__ = ["Cluster", "Place", "agree", "join", "read_place"]
