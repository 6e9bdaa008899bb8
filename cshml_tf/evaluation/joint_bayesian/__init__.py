"""The joint Bayesian classifier on faces: fitted on training people, kept in a file, checked before it scores."""
