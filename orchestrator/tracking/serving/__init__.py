"""Files that travel inside a model folder and run there alone: they import nothing of Kerasweep."""
