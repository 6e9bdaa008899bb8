"""The unit embeddings of whole data sets: in one array, made here or on a cluster, resumed after interruptions."""
