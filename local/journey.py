"""The way from the terms to a refund, over HTTP: as a front end and a browser go it, and then a back end."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx


class DidNotWork(Exception):
    """A step failed. The message has the answer."""


class Refused(Exception):
    """The charge is not permitted. `problem` is the answer: its reasons, what is left, and from when on."""

    def __init__(self, problem: dict[str, Any]) -> None:
        super().__init__(str(problem["reasons"]))
        self.problem = problem


class _Caller:
    def __init__(self, api_url: str, token: str, *, timeout: float = 60.0) -> None:
        self.token = token
        self._http = httpx.Client(
            base_url=api_url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=timeout,
            trust_env=False,  # no proxy for this machine
        )

    def close(self) -> None:
        self._http.close()

    @staticmethod
    def _answer(response: httpx.Response) -> dict[str, Any]:
        if not response.is_success:
            raise DidNotWork(
                f"{response.request.method} {response.url}: {response.status_code} {response.text}"
            )
        answer: dict[str, Any] = response.json()
        return answer


class Customer(_Caller):
    """Calls the API with a customer's token, at the API's own address or through the storefront."""

    def __init__(self, api_url: str, token: str, customer_id: str, *, timeout: float = 60.0) -> None:
        super().__init__(api_url, token, timeout=timeout)
        self.customer_id = customer_id

    def current_terms(self) -> dict[str, Any]:
        return self._answer(self._http.get("/terms/current"))

    def become_customer(self) -> dict[str, Any]:
        return self._answer(self._http.put(f"/customers/{self.customer_id}", json={}))

    def accept(self, terms: dict[str, Any], *, success_url: str, cancel_url: str) -> dict[str, Any]:
        body = {**consent_to(terms), "success_url": success_url, "cancel_url": cancel_url}
        return self._answer(self._http.post("/checkout-sessions", json=body))

    def come_back(self, address: str) -> dict[str, Any]:
        """What the page that Stripe sends a buyer back to does."""
        given = parse_qs(urlsplit(address).query)
        path = f"/checkout-sessions/{given['checkout_session_id'][0]}/return"
        return self._answer(self._http.post(path, json={"return_token": given["return_token"][0]}))

    def mandates(self) -> list[dict[str, Any]]:
        """The newest hundred."""
        path = f"/customers/{self.customer_id}/mandates"
        listed: list[dict[str, Any]] = self._answer(self._http.get(path, params={"limit": 100}))["mandates"]
        return listed

    def withdraw(self, mandate_id: str) -> dict[str, Any]:
        return self._answer(self._http.post(f"/mandates/{mandate_id}/revoke", json={}))

    def mandate(self, mandate_id: str) -> dict[str, Any]:
        return self._answer(self._http.get(f"/mandates/{mandate_id}"))

    def mandate_once(self, mandate_id: str, status: str, *, seconds: float = 60.0) -> dict[str, Any]:
        """Wait until the mandate has that status, and return it."""
        deadline = time.monotonic() + seconds
        while (mandate := self.mandate(mandate_id))["status"] != status:
            if time.monotonic() > deadline:
                raise DidNotWork(f"the mandate is still {mandate['status']} after {seconds:.0f} s")
            time.sleep(0.2)
        return mandate


class Business(_Caller):
    """Calls the API with a service's token, as the business's back end does."""

    def charge(self, mandate_id: str, *, idempotency_key: str, **details: Any) -> dict[str, Any]:
        """Charge what `details` say: amount, currency, reference, description. Raises Refused.

        It is safe to repeat with the same key: then the answer is the same charge.
        """
        headers = {"Idempotency-Key": idempotency_key}
        answer = self._http.post(f"/mandates/{mandate_id}/charges", json=details, headers=headers)
        if answer.status_code == httpx.codes.CONFLICT:
            raise Refused(answer.json())
        return self._answer(answer)

    def refund(self, charge_id: str, *, idempotency_key: str, **details: Any) -> dict[str, Any]:
        """Give back what `details` say: amount and reason. As safe to repeat as `charge`."""
        headers = {"Idempotency-Key": idempotency_key}
        return self._answer(self._http.post(f"/charges/{charge_id}/refunds", json=details, headers=headers))

    def charge_by_id(self, charge_id: str) -> dict[str, Any]:
        return self._answer(self._http.get(f"/charges/{charge_id}"))

    def charge_once(self, charge_id: str, status: str, *, seconds: float = 60.0) -> dict[str, Any]:
        """Wait until the charge has that status, and return it."""
        deadline = time.monotonic() + seconds
        while (charge := self.charge_by_id(charge_id))["status"] != status:
            if time.monotonic() > deadline:
                raise DidNotWork(f"the charge is still {charge['status']} after {seconds:.0f} s")
            time.sleep(0.2)
        return charge


def consent_to(terms: Mapping[str, Any]) -> dict[str, Any]:
    """What a front end sends once its customer has accepted the answer of `GET /terms/current`."""
    return {
        "terms_version": terms["version"],
        "terms_digest": terms["digest"],
        "locale": terms["locale"],
        "wording_digest": terms["wording_digest"],
        "accepted": True,
    }


def pay_with_amazon(checkout_url: str, *, authorize: bool = True) -> str:
    """Go through Stripe's hosted page as a person does. Returns the address that they are sent back to."""
    with httpx.Client(timeout=60.0, trust_env=False) as browser:
        page = browser.get(checkout_url).raise_for_status()
        chosen = browser.send(_submit(page, "continue"))
        test_page = browser.get(_location(chosen)).raise_for_status()
        return _location(browser.send(_submit(test_page, "authorize" if authorize else "fail")))


@dataclass
class Form:
    """A form with the fields that a browser would send: checked and hidden ones."""

    action: str
    fields: dict[str, str]
    label: str = ""


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            self.forms.append(Form(given.get("action") or "", {}))
        elif tag in {"input", "button"} and self.forms and given.get("name"):
            sends = given.get("type") not in {"checkbox", "radio"} or "checked" in given
            if sends:
                self.forms[-1].fields[str(given["name"])] = given.get("value") or "on"

    def handle_data(self, data: str) -> None:
        if self.forms:
            self.forms[-1].label += data


def _submit(page: httpx.Response, label: str) -> httpx.Request:
    parser = _Forms()
    parser.feed(page.text)
    for form in parser.forms:
        if label in f"{form.label} {form.action}".lower():
            return httpx.Request("POST", urljoin(str(page.url), form.action), data=form.fields)
    raise DidNotWork(f"there is no form to {label} on {page.url}")


def _location(response: httpx.Response) -> str:
    if not response.has_redirect_location:
        raise DidNotWork(f"{response.url} did not lead on: {response.status_code} {response.text[:500]}")
    return urljoin(str(response.url), response.headers["Location"])
