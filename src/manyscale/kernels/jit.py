"""Machine code from LLVM assembly. The only module that imports llvmlite, and only when code is asked for."""

from __future__ import annotations

import hashlib
from functools import lru_cache

from manyscale import _core
from manyscale.kernels import cache
from manyscale.kernels.emit import SYMBOL_PREFIX


class MachineCode:
    """Functions of one module; the memory is freed when this object is dropped."""

    def __init__(self, engine, names: tuple[str, ...]):
        self._engine = engine
        self.address = {name: engine.get_function_address(name) for name in names}


@lru_cache(maxsize=1)
def _target():
    """(binding module, CPU name, features), with LLVM initialised and the core's functions known to it."""
    import llvmlite.binding as llvm

    for start in ("initialize", "initialize_native_target", "initialize_native_asmprinter"):
        try:
            getattr(llvm, start)()
        except (AttributeError, RuntimeError):  # newer releases initialise themselves and say so
            pass
    for name, address in _core.function_addresses().items():
        llvm.add_symbol(SYMBOL_PREFIX + name, address)
    return llvm, llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()


def pointer_type() -> str:
    """How this LLVM writes a pointer to double."""
    llvm, _, _ = _target()
    return "ptr" if llvm.llvm_version_info[0] >= 16 else "double*"


def lane_width() -> int:
    """Doubles in one vector register of this machine."""
    _, _, features = _target()
    return 8 if "+avx512f" in features and "+avx512dq" in features else 4 if "+avx2" in features else 2


def _machine(level: int):
    llvm, cpu, features = _target()
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=cpu, features=features, opt=level, jit=True, reloc="default", codemodel="jitdefault"
    )


def compile_module(text: str, names: tuple[str, ...], level: int = 2) -> MachineCode:
    """Machine code of a module; object code is kept on disk between processes (see `cache`)."""
    llvm, cpu, features = _target()
    machine = _machine(level)
    version = ".".join(map(str, llvm.llvm_version_info))
    key = hashlib.sha256("\0".join([text, cpu, features, version, str(level)]).encode()).hexdigest()
    empty = llvm.parse_assembly("")
    engine = llvm.create_mcjit_compiler(empty, machine)
    found = cache.load(key)
    if found is None:
        module = llvm.parse_assembly(text)
        found = machine.emit_object(module)
        cache.store(key, found)
    engine.add_object_file(llvm.object_file.ObjectFileRef.from_data(found))
    engine.finalize_object()
    return MachineCode(engine, names)
