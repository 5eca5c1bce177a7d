"""Cohorts brought to supervised workers: on this machine, or as Ray Tune trials (``raytune``)."""
