"""Evidence as it comes through the gateway: the JSON byte for byte, the PDF as bytes, signed by KMS."""

from pathlib import Path

import httpx

from local.journey import Customer
from ops.__main__ import main
from tests.live.shared import StackJson


def test_evidence_verifies_and_its_pdf_arrives_as_bytes(
    stack: StackJson, http: httpx.Client, customer: Customer, tmp_path: Path
) -> None:
    customer.become_customer()
    shop = f"{stack['storefront_url']}/evidence"
    opened = customer.accept(
        customer.current_terms(), success_url=f"{shop}/return", cancel_url=f"{shop}/cart"
    )
    mandate = f"{stack['api_url']}/mandates/{opened['mandate_id']}"
    service = {"Authorization": f"Bearer {stack['tokens']['service']}"}

    answered = http.get(f"{mandate}/evidence", headers=service).raise_for_status()
    (tmp_path / "evidence.json").write_bytes(answered.content)
    (key,) = http.get(f"{stack['api_url']}/evidence-keys").raise_for_status().json()["keys"]
    assert main(["evidence", "verify", str(tmp_path / "evidence.json"), "--key", key["fingerprint"]]) == 0

    pdf = http.get(f"{mandate}/evidence.pdf", headers={**service, "Accept": "application/pdf"})
    assert (pdf.status_code, pdf.headers["Content-Type"]) == (200, "application/pdf")
    assert pdf.content.startswith(b"%PDF-1.7")
    refused = http.get(f"{mandate}/evidence.pdf", headers=service)
    assert (refused.status_code, refused.json()["code"]) == (406, "not_acceptable")

    own = http.get(f"{mandate}/evidence", headers={"Authorization": f"Bearer {customer.token}"})
    assert (own.status_code, own.json()["code"]) == (403, "insufficient_scope")
