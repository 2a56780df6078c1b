"""What source code imports and touches, read from its syntax tree. Nothing is run."""

import ast
import functools
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
LAYER = ROOT / "layers" / "mandates" / "python"
FUNCTIONS = ROOT / "functions"

NOT_PURE = frozenset(
    {
        "asyncio",
        "http",
        "importlib",
        "io",
        "logging",
        "multiprocessing",
        "os",
        "pathlib",
        "random",
        "secrets",
        "shutil",
        "socket",
        "ssl",
        "subprocess",
        "tempfile",
        "threading",
        "time",
        "urllib.request",
        "uuid",
    }
)
"""Of the standard library, what has a clock, chance, a network, a file system or a process."""

CLOCKS = frozenset({"now", "utcnow", "today"})
BUILT_IN_EFFECTS = frozenset(
    {"open", "print", "input", "eval", "exec", "compile", "__import__", "breakpoint"}
)


@functools.cache
def imports(source: str) -> frozenset[str]:
    """Every module named in an import, wherever it stands; `from a import b` names `a` and `a.b`."""
    named: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                named |= {alias.name for alias in names}
            case ast.ImportFrom(module=module, names=names, level=level):
                base = "." * level + (module or "")
                named |= {base, *(f"{base}.{alias.name}" for alias in names)}
    return frozenset(named)


def root_of(module: str) -> str:
    return module.partition(".")[0]


def uses(source: str, package: str) -> bool:
    return any(root_of(module) == package for module in imports(source))


def not_core(source: str) -> set[str]:
    """What a module of the core must not import: all but the pure standard library and the core."""
    return {
        module
        for module in imports(source)
        if not (
            module.startswith("mandates.core")
            or (root_of(module) in sys.stdlib_module_names and not _within(module, NOT_PURE))
        )
    }


def _within(module: str, packages: frozenset[str]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)


def effects(source: str) -> set[str]:
    """Calls of a clock's method or of a built-in that reaches outside."""
    called = (node.func for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call))
    found: set[str] = set()
    for function in called:
        match function:
            case ast.Attribute(attr=name) if name in CLOCKS:
                found.add(name)
            case ast.Name(id=name) if name in BUILT_IN_EFFECTS:
                found.add(name)
    return found


def private_parts(source: str) -> set[str]:
    """Names with a leading underscore that this module takes from elsewhere: imported, or as an attribute.

    A name that the module defines itself is its own, also on another instance of its class.
    """
    tree = ast.parse(source)
    own = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                found |= {alias.name for alias in names if any(map(_is_private, alias.name.split(".")))}
            case ast.ImportFrom(module=module, names=names):
                path = (module or "").split(".")
                found |= {
                    ".".join([*path, alias.name])
                    for alias in names
                    if any(map(_is_private, [*path, alias.name]))
                }
            case ast.Attribute(value=ast.Name(id="self" | "cls")):
                pass
            case ast.Attribute(attr=name) if _is_private(name) and name not in own:
                found.add(name)
    return found


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def environment_uses(source: str, *, may_hand_on: bool) -> list[int]:
    """The lines that touch the environment; `os.environ` may perhaps be handed to `read_settings`."""
    tree = ast.parse(source)
    handed_on = {
        id(argument)
        for node in ast.walk(tree)
        if may_hand_on
        and isinstance(node, ast.Call)
        and ast.unparse(node.func) in {"read_settings", "settings.read_settings"}
        for argument in node.args[1:2]
    }
    names = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}
    found = []
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=attribute) if attribute in names and id(node) not in handed_on:
                found.append(node.lineno)
            case ast.ImportFrom(module="os", names=imported) if names & {alias.name for alias in imported}:
                found.append(node.lineno)
    return sorted(found)


def sources(folder: Path) -> Iterator[tuple[str, str]]:
    """Path from the repository's root, and text, of every Python file."""
    for path in sorted(folder.rglob("*.py")):
        yield path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")


def reached(source: str) -> set[str]:
    """The packages that are not ours or the standard library's, imported from there on, however far."""
    waiting, seen, packages = [source], set[str](), set[str]()
    while waiting:
        for module in imports(waiting.pop()):
            root = root_of(module)
            if root == "mandates":
                path = _file_of(module)
                if path and module not in seen:
                    seen.add(module)
                    waiting.append(path.read_text(encoding="utf-8"))
            elif root not in sys.stdlib_module_names:
                packages.add(root)
    return packages


def _file_of(module: str) -> Path | None:
    path = LAYER.joinpath(*module.split("."))
    return next((one for one in (path.with_suffix(".py"), path / "__init__.py") if one.exists()), None)
