"""Circuits of parts: composition, loading between modules, emergent cooperativity, resources of the host."""
