"""What machine a built file is for, read from its header."""

from collections.abc import Iterator
from pathlib import Path

AARCH64, X86_64 = 0xB7, 0x3E
"""`e_machine` of an ELF file: https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html"""

_OF_ANOTHER_SYSTEM = {".dylib", ".pyd", ".dll", ".exe"}


def machine(path: Path) -> int | None:
    """None if it is no ELF file."""
    with path.open("rb") as file:
        header = file.read(20)
    if not header.startswith(b"\x7fELF"):
        return None
    # Byte 5 says which way round the machine's two bytes are.
    return int.from_bytes(header[18:20], "little" if header[5] == 1 else "big")


def machines(folder: Path) -> Iterator[tuple[Path, int | None]]:
    """Every native file, whatever it is called. None is the machine of one that is not for Linux."""
    for path in filter(Path.is_file, folder.rglob("*")):
        found = machine(path)
        if found is not None or ".so" in path.suffixes or path.suffix in _OF_ANOTHER_SYSTEM:
            yield path, found


def foreign(folder: Path, wanted: int) -> list[str]:
    """What of the native files does not run on that machine, or that there are none."""
    known = dict(machines(folder))
    if not known:
        return [f"{folder} has no native file at all"]
    return [
        f"{path.relative_to(folder)} is for {found and hex(found)}, not {wanted:#x}"
        for path, found in known.items()
        if found != wanted
    ]
