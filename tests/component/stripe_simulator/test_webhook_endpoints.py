import pytest
import stripe

from tests.component.stripe_simulator.support import Receiver, Shop, error_of


def test_the_secret_is_shown_once(shop: Shop, client: stripe.StripeClient, receiver: Receiver) -> None:
    created = shop.endpoint(
        receiver, api_version="2026-10-28.endive", metadata={"stack": "dev"}, description="Ours"
    )
    assert created.secret is not None
    assert created.secret.startswith("whsec_")
    assert (created.status, created.api_version, created.description) == (
        "enabled",
        "2026-10-28.endive",
        "Ours",
    )
    retrieved = client.v1.webhook_endpoints.retrieve(created.id).to_dict()
    assert "secret" not in retrieved
    assert retrieved["metadata"] == {"stack": "dev"}
    assert "secret" not in client.v1.webhook_endpoints.list().data[0].to_dict()


def test_an_endpoint_can_be_changed_and_removed(
    shop: Shop, client: stripe.StripeClient, receiver: Receiver
) -> None:
    endpoint = shop.endpoint(receiver, "customer.created")
    updated = client.v1.webhook_endpoints.update(
        endpoint.id,
        {"disabled": True, "enabled_events": ["customer.deleted"], "url": "https://shop.example/hooks"},
    )
    assert (updated.status, updated.enabled_events) == ("disabled", ["customer.deleted"])
    assert updated.url == "https://shop.example/hooks"
    assert client.v1.webhook_endpoints.update(endpoint.id, {"disabled": False}).status == "enabled"
    assert client.v1.webhook_endpoints.delete(endpoint.id).deleted is True
    assert client.v1.webhook_endpoints.list().data == []


@pytest.mark.parametrize(
    "url", ["shop.example/hooks", "ftp://shop.example", "/hooks", "http://", "http://[x/"]
)
def test_an_endpoint_needs_a_web_address(client: stripe.StripeClient, url: str) -> None:
    error = error_of(lambda: client.v1.webhook_endpoints.create({"url": url, "enabled_events": ["*"]}))
    assert (error["code"], error["param"]) == ("url_invalid", "url")
