"""Sources of faces, the lists of test protocols, and the code that makes all training batches."""
