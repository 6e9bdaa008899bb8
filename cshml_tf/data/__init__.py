"""Sources of faces, the lists of test protocols, and the one maker of training batches."""
