"""What a model is. The package itself can be called: `manyscale.model("name", species=..., reactions=[...])`."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from manyscale.model.model import Model


class _CallableModule(ModuleType):
    def __call__(self, name: str = "model", **parts: Any) -> Model:
        """Build a model by hand; see `manyscale.model.build.build` for all arguments."""
        from manyscale.model.build import build

        return build(name, **parts)


sys.modules[__name__].__class__ = _CallableModule
