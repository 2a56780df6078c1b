"""What must hold of notices, and of the charges that need one: written anew from what is stored."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from mandates.core.canonical import digest
from mandates.core.charging.calendar import day_of
from mandates.core.charging.notice import Notice
from mandates.store.charge_items import NoticeRow
from mandates.store.notices import notice_of
from tests.simulation.dynamodb import Write

if TYPE_CHECKING:
    from tests.simulation.world import World

Facts = Mapping[str, Any]


class NoticeInvariants:
    def __init__(self, world: "World") -> None:
        self._world = world

    def wrote(self, write: Write, mandate_status: str | None) -> None:
        if write.after is None:
            self._world.fail(f"{write.key} was deleted")
        elif write.before is None:
            if mandate_status != "active":
                self._world.fail(f"{write.key} was recorded though its mandate is {mandate_status}")
        elif write.before["hash"] != write.after["hash"]:
            self._world.fail(f"{write.key} was replaced")

    def reserved(self, charge_id: str, facts: Facts) -> None:
        """A charge that was just reserved has a notice of its amount and day, recorded n hours before."""
        notice, reserved = self._of(charge_id, facts), facts["reserved"]
        if notice is None:
            if self._world.terms.notice_hours:
                self._world.fail(f"{charge_id} was reserved without a notice")
            return
        self._world.counted["charges with a notice"] += 1
        at = datetime.fromtimestamp(reserved["at"], UTC)
        hours = at - datetime.fromisoformat(notice.recorded_at)
        if hours < timedelta(hours=self._world.terms.notice_hours or 0):
            self._world.fail(f"{charge_id} was reserved {hours} after its notice")
        if str(notice.amount) != reserved["detail"]["amount"]:
            self._world.fail(f"{charge_id} was reserved under a notice of {notice.amount}")
        if notice.day != day_of(reserved["at"], self._world.terms.zone):
            self._world.fail(f"{charge_id} was reserved under a notice for {notice.day}")

    def begun(self, charge_id: str, attempt: int, facts: Facts) -> None:
        """The first attempt begins on the day of the charge's notice."""
        notice, day = self._of(charge_id, facts), facts[f"attempt_begun#{attempt}"]["detail"]["day"]
        if notice and attempt == 1 and date.fromisoformat(day) != notice.day:
            self._world.fail(f"{charge_id} was begun on {day}, and its notice is for {notice.day}")

    def links(self, mandate_id: str) -> list[tuple[int, str, str]]:
        """Of its notices, in the register: number, link before, link."""
        rows = self._world.aws.items("charges").items()
        notices = [_notice(row) for key, row in rows if key[0] == mandate_id and key[1].startswith("notice#")]
        for notice in notices:
            if digest(notice.content()) != notice.hash:
                self._world.fail(f"{notice.notice_id} does not have its hash")
        return [(notice.number, notice.previous, notice.hash) for notice in notices]

    def _of(self, charge_id: str, facts: Facts) -> Notice | None:
        said = facts["reserved"]["detail"]
        if "notice" not in said:
            return None
        row = self._world.aws.items("charges").get((f"mdt_{charge_id[4:28]}", notice_record(said)))
        if row is None:
            self._world.fail(f"{charge_id} has a notice that is not stored")
            return None
        return _notice(row)


def notice_record(said: Mapping[str, str]) -> str:
    """The sort key of the notice that a reservation's details name."""
    return f"notice#{said['notice_day']}#{said['notice']}"


def _notice(row: Any) -> Notice:
    return notice_of(NoticeRow.from_raw_data(row))
