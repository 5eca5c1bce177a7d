"""Kerasweep beside what people use today: the same problems, folds and epochs; see README.md in this folder."""
