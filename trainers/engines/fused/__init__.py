"""The parts of the fused engine; ``cohorts`` is the door. Everything here but ``members`` needs Keras on JAX."""
