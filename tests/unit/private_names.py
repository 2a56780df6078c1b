"""The private names that test code touches, read from its syntax tree."""

import ast

PATCHING = frozenset({"setattr", "delattr", "getattr"})


def private_names(source: str) -> set[str]:
    """Names with one leading underscore that the source reads, sets, imports or patches on something else.

    An object's own (`self._x`, `cls._x`), and what the same file sets or defines, are not among them.
    """
    tree = ast.parse(source)
    own = _own(tree)
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="self" | "cls")):
                pass
            case ast.Attribute(attr=name):
                found.add(name)
            case ast.ImportFrom(names=names):
                found |= {alias.name for alias in names}
            case ast.Call(func=ast.Attribute(attr=called) | ast.Name(id=called)) if called in PATCHING:
                found |= _named_in(node)
    return {name for name in found if _is_private(name)} - own


def _own(tree: ast.AST) -> set[str]:
    """What the file defines, or sets on its own objects."""
    own: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                own.add(name)
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name, ctx=ast.Store()):
                own.add(name)
            case ast.AnnAssign(target=ast.Name(id=name)):
                own.add(name)
    return own


def _named_in(call: ast.Call) -> set[str]:
    """The names in `setattr(thing, "name", …)` and in `setattr("module.name", …)`."""
    texts = (argument.value for argument in call.args[:2] if isinstance(argument, ast.Constant))
    return {name for text in texts if isinstance(text, str) for name in text.split(".")}


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name != "_"
