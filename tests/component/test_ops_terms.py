"""`python -m ops terms`: publishing, listing, showing and retiring versions."""

import shutil
import zoneinfo
from importlib.resources import files
from pathlib import Path

import boto3
import pytest
import yaml

from mandates.store.published_terms import current_terms
from mandates.store.tables import TermsRow
from tests.component.operating import main
from tests.component.world import ROOT, TABLES, World

EXAMPLE = yaml.safe_load((ROOT / "terms" / "example.yaml").read_text(encoding="utf-8"))


@pytest.fixture(autouse=True)
def stack(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = {logical_id: name for name, logical_id in TABLES.items()}
    monkeypatch.setattr("ops.stack.Stack.outputs", outputs)


def document(folder: Path, **changes: object) -> str:
    path = folder / "terms.yaml"
    path.write_text(yaml.safe_dump({**EXAMPLE, **changes}), encoding="utf-8")
    return str(path)


def test_published_once_and_never_changed(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    newer = document(tmp_path, version="2027-01-01")
    assert main(["terms", "publish", newer]) == 0
    assert main(["terms", "publish", newer]) == 0
    assert "already published" in capsys.readouterr().out
    other = document(tmp_path, version="2027-01-01", business_name="Another Shop")
    assert main(["terms", "publish", other]) == 1
    assert "give the document a new version" in capsys.readouterr().err
    current = current_terms()
    assert current
    assert (current.version, current.business_name) == ("2027-01-01", "Example Shop")


def test_publishing_what_is_no_longer_offered_fails(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = (tmp_path / name for name in ("first", "second"))
    first.mkdir()
    second.mkdir()
    older, newer = document(first, version="2027-01-01"), document(second, version="2027-02-01")
    assert main(["terms", "publish", older]) == main(["terms", "publish", newer]) == 0
    assert main(["terms", "publish", older]) == 1
    assert "2027-01-01 was superseded" in capsys.readouterr().err
    assert main(["terms", "retire", "2027-02-01", "--yes"]) == 0
    assert main(["terms", "publish", newer]) == 1
    said = capsys.readouterr().err
    assert "2027-02-01 was retired at" in said
    assert "give the document a new version" in said
    assert current_terms() is None


def test_a_limit_above_amazons_own_is_published_with_a_warning(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Which cap applies is Amazon's to say: the lower one is no reason to refuse."""
    assert main(["terms", "publish", document(tmp_path, version="low")]) == 0
    assert capsys.readouterr().err == ""
    limits = {"currency": "usd", "per_charge": 100_001}
    assert main(["terms", "publish", document(tmp_path, version="high", limits=limits)]) == 0
    said = capsys.readouterr()
    assert "warning: limits.per_charge (100001) is above" in said.err
    assert "published version high" in said.out


def test_what_is_missing_is_said_all_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    texts = {"en": {"permission": "May we?"}}
    recurring = {"kind": "recurring", "interval": "month", "every": 1}
    incomplete = document(tmp_path, version="x", texts=texts, frequency=recurring, limits={"currency": "xyz"})
    assert main(["terms", "publish", incomplete]) == 1
    said = capsys.readouterr().err
    for problem in (
        "texts.en.frequency is missing",
        "texts.en.timing is missing",
        "texts.en.amount is missing",
        "texts.en.cancellation is missing",
        "limits.per_charge is missing",
        "limits.currency must be one of",
    ):
        assert problem in said
    assert main(["terms", "publish", str(tmp_path / "nowhere.yaml")]) == 1


def test_a_wording_that_is_given_twice_is_not_published(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """PyYAML takes the last one, which need not be the one that was read and approved."""
    path = Path(document(tmp_path, version="twice"))
    written = path.read_text(encoding="utf-8")
    path.write_text(f"{written}\nbusiness_name: Another Shop\n", encoding="utf-8")
    assert main(["terms", "publish", str(path)]) == 1
    assert "the key 'business_name' is given twice" in capsys.readouterr().err
    path.write_text(
        written.replace("permission:", "permission: Anything\n    permission:", 1), encoding="utf-8"
    )
    assert main(["terms", "publish", str(path)]) == 1
    assert "the key 'permission' is given twice" in capsys.readouterr().err
    path.write_text("? [a, b]\n: c\n", encoding="utf-8")  # a key that is a list
    assert main(["terms", "publish", str(path)]) == 1


def test_a_zone_that_only_this_machine_knows_is_refused(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "zones").mkdir()
    shutil.copy(Path(str(files("tzdata"))) / "zoneinfo" / "UTC", tmp_path / "zones" / "Mars")
    zoneinfo.reset_tzpath(to=[tmp_path / "zones"])
    assert "Mars" in zoneinfo.available_timezones()
    assert main(["terms", "publish", document(tmp_path, version="2027-01-01", time_zone="Mars")]) == 1
    assert "time_zone must be an IANA name" in capsys.readouterr().err


def test_listed_shown_and_retired(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["terms", "publish", document(tmp_path, version="2027-01-01")])
    capsys.readouterr()
    assert main(["terms", "list"]) == 0
    listed = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in listed] == [["2026-11-01", "superseded"], ["2027-01-01", "current"]]
    assert main(["terms", "show", "2026-11-01"]) == 0
    assert world.terms.digest in capsys.readouterr().out
    assert main(["terms", "show", "never"]) == 1
    assert main(["terms", "retire", "2026-11-01"]) == 0  # no longer shown to anybody: nothing to ask
    assert main(["terms", "retire", "2026-11-01"]) == 1
    capsys.readouterr()
    assert main(["terms", "retire", "2027-01-01"]) == 1
    assert "--yes" in capsys.readouterr().err
    assert current_terms() is not None
    assert main(["terms", "retire", "2027-01-01", "--yes"]) == 0
    assert "nobody can set up a payment" in capsys.readouterr().out
    assert main(["terms", "retire", "2027-01-01", "--yes"]) == 1
    assert current_terms() is None
    assert world.call("read_terms", "/terms/current").status == 404
    world.put_customer()
    assert world.post_checkout().body["code"] == "no_terms"


def test_an_altered_document_is_noticed(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    row = TermsRow.get("version", world.terms.version)
    row.update([TermsRow.document.set({**row.document, "business_name": "Another Shop"})])
    assert main(["terms", "show", world.terms.version]) == 1
    assert "was altered" in capsys.readouterr().err


def test_superseded_terms_govern_what_was_agreed_under_them(world: World, tmp_path: Path) -> None:
    begun = world.begun()
    main(["terms", "publish", document(tmp_path, version="2027-01-01")])
    world.stripe.core.authorize(begun["checkout_session_id"])
    world.run_webhooks()
    mandate = world.get_mandate(begun["mandate_id"]).body
    assert (mandate["status"], mandate["terms_version"]) == ("active", "2026-11-01")


def stored_formats() -> dict[str, str]:
    """By version, or `current` for the pointer."""
    items = boto3.client("dynamodb").scan(TableName="terms")["Items"]
    return {item["version"]["S"]: item["format"]["N"] for item in items}


def test_terms_with_a_zone_are_not_read_by_a_release_that_would_drop_it(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    zoned = document(tmp_path, version="zoned", time_zone="America/New_York")
    assert main(["terms", "publish", zoned]) == 0
    assert stored_formats() == {"2026-11-01": "1", "zoned": "2", "current": "1"}
    current = current_terms()
    assert current
    assert (current.time_zone, main(["terms", "publish", zoned])) == ("America/New_York", 0)

    monkeypatch.setattr(TermsRow.format, "known", 1)  # as release 0.1.0
    assert world.call("read_terms", "/terms/current").status == 500
    assert main(["terms", "show", "zoned"]) == 1
    assert "has format 2, and this release reads up to 1" in capsys.readouterr().err
    assert main(["terms", "publish", document(tmp_path, version="without")]) == 0
    assert world.call("read_terms", "/terms/current").status == 200
    assert main(["terms", "retire", "zoned"]) == 0
    assert stored_formats() == {"2026-11-01": "1", "zoned": "2", "without": "1", "current": "1"}
