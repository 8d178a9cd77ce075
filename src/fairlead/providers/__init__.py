"""The wires: one small module each, the providers that speak them as data, and simulated ones."""
