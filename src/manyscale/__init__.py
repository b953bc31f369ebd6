import importlib.metadata
