"""A whole world in memory behind the engine's ports: for tests, `demo` and `simulate`."""
