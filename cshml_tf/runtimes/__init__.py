"""The runtimes in which a loaded network embeds faces: Keras itself, or one that runs a converted copy of it."""
