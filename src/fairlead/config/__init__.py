"""Configuration: a file, or the environment, to a `Config`. The only room that knows YAML and pydantic."""
