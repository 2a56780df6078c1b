"""Checks an evidence pack offline: nothing here talks to AWS, to Stripe or to the service."""

import argparse
import base64
import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from mandates.core.canonical import canonical_json
from mandates.core.evidence_check import page_problems, set_problems
from mandates.core.evidence_pack import ALGORITHM
from ops.printing import complain, say
from ops.stack import Stack

UNUSABLE = 2
"""The same exit code as argparse's: the command was not given what it needs."""


class Unreadable(ValueError):
    """The file is not an evidence pack at all. The message says at which byte."""


def add_commands(commands: Any) -> None:
    actions = commands.add_parser("evidence", help="evidence packs").add_subparsers(
        required=True, metavar="ACTION"
    )
    verify = actions.add_parser(
        "verify", help="check bytes, signature and chain, offline; all pages of a pack together"
    )
    verify.add_argument("files", type=Path, nargs="+", metavar="FILE")
    verify.add_argument(
        "--key",
        required=True,
        type=fingerprint,
        metavar="FINGERPRINT",
        help="SHA-256 of the key you trust, from a source other than the file (GET /evidence-keys)",
    )
    verify.add_argument("--head", **KEPT_HASH)
    verify.set_defaults(run=run_verify, offline=True)


def _number_and_hash(text: str) -> tuple[int, str]:
    number, _, entry_hash = text.partition(":")
    if not (re.fullmatch("[1-9][0-9]{0,8}", number) and re.fullmatch("[0-9a-f]{64}", entry_hash)):
        raise argparse.ArgumentTypeError("give an entry's number, a colon, and its hash of 64 hex digits")
    return int(number), entry_hash


KEPT_HASH: dict[str, Any] = {
    "type": _number_and_hash,
    "action": "append",
    "default": [],
    "metavar": "NUMBER:HASH",
    "help": "ledger_number and entry_hash of an outward event that you kept: only this reveals a ledger that"
    " was made anew as a whole, or cut off (docs/evidence.md)",
}
"""The option --head."""


def fingerprint(text: str) -> str:
    """64 hex digits. Colons and capitals, as other tools print them, are accepted too."""
    digits = text.replace(":", "").lower()
    if not re.fullmatch(r"[0-9a-f]{64}", digits):
        raise argparse.ArgumentTypeError("a fingerprint is 64 hex digits")
    return digits


def run_verify(_stack: Stack, chosen: argparse.Namespace) -> int:
    """0 if everything verifies; 1 if not, with every problem; 2 if a file can't be opened."""
    try:
        files = {str(path): path.read_bytes() for path in chosen.files}
    except OSError as error:
        complain(error)
        return UNUSABLE
    problems = list(problems_in(files, chosen.key, chosen.head))
    for problem in problems:
        complain(problem)
    if problems:
        complain("NOT VERIFIED")
        return 1
    pages = [pack_in(data)["evidence"] for data in files.values()]
    newest = max(pages, key=_length)
    ledger, mandate = newest["ledger"], newest["mandate"]
    say(f"verified: mandate {mandate['mandate_id']}, {mandate['status']} on {newest['generated_at']}")
    say(f"the ledger is complete: {ledger['length']} entries, last hash {ledger['head_hash']}")
    registers = [page["register"] for page in pages if "register" in page]  # 0.1.0's packs have none
    if any(register["count"] for register in registers):
        register = max(registers, key=lambda one: int(one["count"]))
        said = f"{register['count']} charges and notices, last link {register['head_hash']}"
        say(f"the register is complete: {said}")
    erased = [value for value in newest["personal_values"] if value["erased"]]
    if erased:
        say(f"erased personal values: {', '.join(value['name'] for value in erased)}")
    return 0


def problems_in(
    files: Mapping[str, bytes], trusted: str, kept: Sequence[tuple[int, str]] = ()
) -> Iterator[str]:
    """Every problem in a set of pages, each with its file's name. `kept` are hashes kept elsewhere."""
    pages = []
    for name, data in files.items():
        try:
            pack = pack_in(data)
        except Unreadable as error:
            yield f"{name}: {error}"
            continue
        pages.append(pack["evidence"])
        yield from (f"{name}: {problem}" for problem in signature_problems(pack, trusted))
        yield from (f"{name}: {problem}" for problem in page_problems(pack["evidence"]))
    if len(pages) == len(files):
        yield from set_problems(pages, kept)


def pack_in(data: bytes) -> dict[str, Any]:
    """The pack, if the file has exactly the bytes of its value in RFC 8785 form. Raises Unreadable."""
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise Unreadable(f"byte {error.start}: not UTF-8") from None
    try:
        pack = json.loads(text)
        canonical = canonical_json(pack)
    except json.JSONDecodeError as error:
        raise Unreadable(f"byte {len(text[: error.pos].encode())}: not JSON, {error.msg}") from None
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"not in canonical form (RFC 8785): {error}") from None
    if canonical != data:
        raise Unreadable(f"byte {_first_difference(canonical, data)}: not in canonical form (RFC 8785)")
    if not isinstance(pack, dict) or pack.keys() != {"evidence", "signature"}:
        raise Unreadable("not an evidence pack: its members are not exactly `evidence` and `signature`")
    if not isinstance(pack["evidence"], dict) or not isinstance(pack["signature"], dict):
        raise Unreadable("not an evidence pack: `evidence` and `signature` are not objects")
    return pack


def _first_difference(one: bytes, other: bytes) -> int:
    return next(at for at in count() if one[at : at + 1] != other[at : at + 1])


def signature_problems(pack: Mapping[str, Any], trusted: str) -> Iterator[str]:
    """Whether the trusted key signed these bytes. The file's own key is checked, not trusted."""
    signature = pack["signature"]
    unknown = signature.keys() ^ {"algorithm", "key_fingerprint", "public_key", "value"}
    if unknown:
        yield f"signature: unknown or missing: {', '.join(sorted(unknown))}"
        return
    if signature["algorithm"] != ALGORITHM:
        yield f"signature.algorithm: is not {ALGORITHM}"
    if signature["key_fingerprint"] != trusted:
        yield f"signature.key_fingerprint: is {signature['key_fingerprint']}, you trust {trusted}"
    try:
        public_key = load_pem_public_key(str(signature["public_key"]).encode())
    except (ValueError, UnsupportedAlgorithm):
        yield "signature.public_key: is not a public key"
        return
    spki = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    its_fingerprint = hashlib.sha256(spki).hexdigest()
    if its_fingerprint != trusted:
        yield f"signature.public_key: its fingerprint is {its_fingerprint}, you trust {trusted}"
        return
    if not isinstance(public_key, ec.EllipticCurvePublicKey):
        yield "signature.public_key: is not an elliptic curve key"
        return
    if (
        public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        != signature["public_key"].encode()
    ):
        yield "signature.public_key: is not written as it was"
    try:
        value = base64.b64decode(str(signature["value"]), validate=True)
        public_key.verify(value, canonical_json(pack["evidence"]), ec.ECDSA(SHA256()))
    except (ValueError, InvalidSignature):
        yield "signature.value: is not this key's signature of this evidence; one of them was altered"
        return
    if base64.b64encode(value).decode() != signature["value"]:
        yield "signature.value: is not written as it was"


def _length(evidence: Mapping[str, Any]) -> int:
    length: int = evidence["ledger"]["length"]
    return length
