"""The code that docs/front-end.md and the client's README show, and what it leaves to the page."""

import json
import re
from pathlib import Path

from local.settings import ROOT
from tests.contract.typescript import CLIENT

PAGE = ROOT / "docs/front-end.md"
README = CLIENT / "README.md"
YOURS = """
declare const checkbox: HTMLInputElement
declare const continueButton: HTMLButtonElement
declare const mandateId: string
declare const process: { env: Record<string, string> }
declare const showTerms: (sections: { permission: string }, locale: string) => void
declare const showProblem: (code: string) => void
declare const showOutcome: (outcome: string, session: object | null, problem: Problem | null) => void
declare const showAccount: (mandate: { label: string | null }, charges: object[], end: () => void) => void
declare const API: string
declare const token: string
declare const serviceToken: () => Promise<string>
declare const stopCharging: (mandateId: string) => Promise<void>
declare const deliver: (chargeId: string) => Promise<void>
declare const defineEmits: <Events extends Record<string, unknown[]>>() =>
  <Name extends keyof Events>(name: Name, ...told: Events[Name]) => void
"""
"""What the examples leave to the page."""


def blocks(language: str, page: Path = PAGE) -> list[str]:
    """The page's examples in a language, without their indentation in a list."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```$", page.read_text(encoding="utf-8"), re.M | re.S)
    return [re.sub(rf"^{indent}", "", block, flags=re.MULTILINE) for indent, block in found]


def documented_sources() -> dict[str, str]:
    """Files for the compiler, by name: the code of the page and of the README, and published events."""
    by_hand = [block for block in blocks("js") if "${API}" in block]
    with_client = [block for block in blocks("js") if block not in by_hand]
    (vue,) = blocks("vue")
    (component,) = blocks("tsx")
    (script,) = re.findall(r"<script setup lang=\"ts\">\n(.*?)</script>", vue, re.S)
    return {
        "page.ts": YOURS + "\n".join((*with_client, *blocks("ts"))),
        "http.ts": YOURS.replace("Problem | null", "null") + "\n".join((*by_hand, "export {}")),
        "readme.ts": "\n".join(blocks("js", README)),
        "react.tsx": component,
        "vue.ts": YOURS.replace("Problem | null", "null") + script + "\nemit('withdrawn', 'mdt_a')\n",
        "events.ts": documented_events(),
    }


def documented_events() -> str:
    """Those of docs/events.md, and one of each kind that the code has published."""
    shown = [json.loads(text) for text in blocks("json", ROOT / "docs/events.md") if '"detail-type"' in text]
    assert len(shown) == 2
    (release,) = (ROOT / "tests/component/formats").glob("0.2.0/events.json")
    published = [
        {"source": event["Source"], "detail-type": event["DetailType"], "detail": event["Detail"]}
        for samples in json.loads(release.read_text(encoding="utf-8")).values()
        for event in samples
    ]
    assert len(published) > 10
    each = {event["detail-type"]: event for event in published}.values()
    events = [{key: event[key] for key in ("source", "detail-type", "detail")} for event in (*shown, *each)]
    type_import = "import type { ChargeEvent, MandateEvent } from 'amazon-pay-mandates/events'\n"
    return type_import + f"export const events: (MandateEvent | ChargeEvent)[] = {json.dumps(events)}\n"
