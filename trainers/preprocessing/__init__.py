"""What is fitted on a fold's training rows and applied to all. Knows no Keras."""
