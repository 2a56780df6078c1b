"""Settings: read once, when a container starts, into a frozen object. Nothing else reads os.environ.

Each function declares a msgspec Struct of what it needs. If variables are missing or malformed, one error
names all of them.
"""

from collections.abc import Mapping
from typing import Any

import msgspec


class SettingsError(Exception):
    pass


def read_settings[Settings: msgspec.Struct](kind: type[Settings], environment: Mapping[str, str]) -> Settings:
    """Fill `kind` from the environment variables with its fields' names in capitals.

    Lists are separated by commas; booleans are `true` or `false`; only a field with a default may be empty.
    Raises SettingsError.
    """
    names = {field.name: field.name.upper() for field in msgspec.structs.fields(kind)}
    missing = [variable for variable in names.values() if variable not in environment]
    if missing:
        raise SettingsError(f"set these environment variables: {', '.join(sorted(missing))}")
    values: dict[str, Any] = {}
    wrong: list[str] = []
    for field in msgspec.structs.fields(kind):
        try:
            values[field.name] = _converted(environment[names[field.name]].strip(), field)
        except msgspec.ValidationError as error:
            wrong.append(f"{names[field.name]} can't be used: {error}")
    if wrong:
        raise SettingsError("; ".join(wrong))
    return kind(**values)


def table_names(configured: msgspec.Struct) -> dict[str, str]:
    """What the store's tables are called: each setting `<table>_table` names one."""
    suffix = "_table"
    return {
        name.removesuffix(suffix): getattr(configured, name)
        for name in configured.__struct_fields__
        if name.endswith(suffix)
    }


def _converted(raw: str, field: msgspec.structs.FieldInfo) -> Any:
    is_list = field.type in (frozenset[str], tuple[str, ...])
    value = [item.strip() for item in raw.split(",") if item.strip()] if is_list else raw
    if not value and field.required:
        raise msgspec.ValidationError("it is empty")
    return msgspec.convert(value, field.type, strict=False)
