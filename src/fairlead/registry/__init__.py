"""What is known of models: the packaged catalogue, and the snapshot built from it and the configuration."""
