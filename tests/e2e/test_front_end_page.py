"""The client in Node against the stack, with the code of docs/front-end.md: saved, charged, withdrawn."""

import json
import os
import subprocess
import sys

from local.journey import Customer
from local.settings import ROOT
from tests.contract.documented_code import blocks
from tests.contract.typescript import CLIENT, NODE
from tests.live.shared import StackJson

PAGE_AND_BROWSER = """
import { execFileSync } from 'node:child_process'

const { CUSTOMERS_TOKEN, SERVICES_TOKEN, PYTHON, SHOP } = process.env
const said = []
const site = globalThis.fetch
globalThis.fetch = async (address, init) =>
  address === '/token' ? Response.json({ token: CUSTOMERS_TOKEN }) : site(address, init)
globalThis.history = { replaceState: (_, __, path) => said.push(['address', path]) }
globalThis.location = {
  origin: SHOP, pathname: '/amazon-pay', search: '',
  assign: (url) => {
    const pay = 'import sys; from local.journey import pay_with_amazon; print(pay_with_amazon(sys.argv[1]))'
    const back = execFileSync(PYTHON, ['-c', pay, url], { cwd: '../..', encoding: 'utf8' }).trim()
    globalThis.location.search = new URL(back).search
  },
}
globalThis.checkbox = { checked: false }
globalThis.continueButton = {}
globalThis.showTerms = (sections, locale) => said.push(['terms', locale, Boolean(sections.permission)])
globalThis.showProblem = (code) => said.push(['problem', code])
globalThis.showOutcome = (outcome, session, problem) => {
  globalThis.mandateId = session.mandate_id
  said.push(['outcome', outcome, problem])
}
let withdraw
globalThis.showAccount = (mandate, charges, end) => {
  withdraw = end
  said.push(['account', mandate.mandate_id === mandateId, charges.length])
}
globalThis.serviceToken = async () => SERVICES_TOKEN
"""
CONSENT = """
await continueButton.onclick()
checkbox.checked = true
await continueButton.onclick()
"""
WITHDRAWAL = """
said.push(['charge', charge.status, charge.amount])
said.push(['withdrawn', (await withdraw()).status])
said.push(['mandate', (await client.mandate(mandateId)).status])
const next = { amount: 100, currency: 'usd', reference: 'order-43', description: 'Order 43' }
const refused = await backEnd.createCharge(mandateId, next, { idempotencyKey: '43' }).catch((why) => why)
said.push(['refused', refused.code, refused.reasons])
const listed = [await backEnd.evidence(mandateId), await backEnd.mandatesOf(await client.customerId())]
said.push(['evidence', listed[0].pack.evidence.mandate.mandate_id === mandateId, listed[1].mandates.length])
console.log(JSON.stringify(said))
"""


def test_the_documented_client_saves_charges_and_withdraws(stack: StackJson, customer: Customer) -> None:
    first, asks, comes_back, account, charges = [
        block for block in blocks("js") if "${API}" not in block and "registerStrings" not in block
    ]
    parts = [PAGE_AND_BROWSER, first, asks, CONSENT, comes_back, account, charges, WITHDRAWAL]
    script = "\n".join(parts).replace("'https://api.shop.example/v1'", "process.env.MANDATES_API")
    environment = {
        **os.environ,
        "MANDATES_API": stack["api_url"],
        "CUSTOMERS_TOKEN": customer.token,
        "SERVICES_TOKEN": stack["tokens"]["service"],
        "SHOP": stack["storefront_url"],
        "PYTHON": sys.executable,
        "PYTHONPATH": str(ROOT),
        "LANG": "en_US.UTF-8",
    }
    finished = subprocess.run(
        [NODE, "--input-type=module", "--eval", script],
        cwd=CLIENT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout) == [
        ["terms", "en", True],
        ["problem", "consent_required"],
        ["address", "/amazon-pay"],
        ["outcome", "active", None],
        ["account", True, 0],
        ["charge", "succeeded", 1299],
        ["withdrawn", "revoked"],
        ["mandate", "revoked"],
        ["refused", "charge_not_permitted", ["mandate_revoked"]],
        ["evidence", True, 1],
    ]
