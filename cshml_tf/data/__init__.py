"""Sources of faces, and the pipeline from a source to training batches."""
