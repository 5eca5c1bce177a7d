"""Who is trained on, watched and scored, by row index. It fits nothing."""
