"""What a charge was reserved under, and its place in the mandate's register. Its first entry hashes it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class NoticeUsed:
    """The notice that the charge was made under; `hash` is its link in the register."""

    notice_id: str
    hash: str


@dataclass(frozen=True, slots=True)
class Permission:
    """`number` is the charge's in the register, `previous` the link before it.

    `mandate_entries` and `mandate_hash` are the length and last hash of the mandate's ledger that permitted
    the charge: they fix the consent, the terms and the payment method. `anchor` is the local day (ISO) that
    windows count from, where there are any.
    """

    number: int
    previous: str
    mandate_entries: int
    mandate_hash: str
    anchor: str | None = None
    notice: NoticeUsed | None = None

    def to_plain(self) -> dict[str, Any]:
        """What is None is left out."""
        plain: dict[str, Any] = {
            "number": self.number,
            "previous": self.previous,
            "mandate_entries": self.mandate_entries,
            "mandate_hash": self.mandate_hash,
        }
        if self.anchor is not None:
            plain["anchor"] = self.anchor
        if self.notice is not None:
            plain["notice"] = {"notice_id": self.notice.notice_id, "hash": self.notice.hash}
        return plain


def permission_from_plain(plain: Mapping[str, Any]) -> Permission:
    """The reverse of `to_plain`. Raises KeyError, TypeError or ValueError."""
    notice = plain.get("notice")
    known = {"number", "previous", "mandate_entries", "mandate_hash", "anchor", "notice"}
    if not plain.keys() <= known:
        raise ValueError("not a permission")
    return Permission(
        number=plain["number"],
        previous=plain["previous"],
        mandate_entries=plain["mandate_entries"],
        mandate_hash=plain["mandate_hash"],
        anchor=plain.get("anchor"),
        notice=NoticeUsed(notice["notice_id"], notice["hash"]) if notice else None,
    )
