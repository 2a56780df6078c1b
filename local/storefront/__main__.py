"""`python -m local.storefront --port 4000 --stack .local/stack.json`"""

import argparse
from pathlib import Path

import uvicorn

from local.settings import PLACEHOLDER_STRIPE_KEY, Settings
from local.storefront.server import create_app


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m local.storefront", description="The example shop.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--stack", type=Path, required=True, help="the stack.json of the running stack")
    parser.add_argument("--api", default="/api", help="where its pages find the API")
    options = parser.parse_args()
    stripe_key = Settings.from_environment().stripe_key or PLACEHOLDER_STRIPE_KEY
    app = create_app(options.stack, stripe_key=stripe_key, api=options.api)
    uvicorn.run(app, host=options.host, port=options.port, log_level="warning")


if __name__ == "__main__":
    main()
