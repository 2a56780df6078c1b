"""``python -m local.stripe_simulator --port 12111``"""

import argparse
from random import Random

from .running import LOOPBACK, listen, make_server, require_loopback
from .settings import Settings
from .simulator import Simulator


def main() -> None:
    defaults = Settings()
    parser = argparse.ArgumentParser(
        prog="python -m local.stripe_simulator", description="Stripe, simulated."
    )
    parser.add_argument("--port", type=int, default=12111)
    parser.add_argument("--host", type=require_loopback, default=LOOPBACK, help="a loopback address")
    parser.add_argument("--business-name", default=defaults.business_name)
    parser.add_argument("--seed", type=int, help="makes ids and secrets repeat from run to run")
    parser.add_argument(
        "--retry-delay", type=float, default=defaults.retry_delay, help="first pause, doubling"
    )
    parser.add_argument("--delivery-attempts", type=int, default=defaults.delivery_attempts)
    parser.add_argument("--redirect-wait", type=float, default=defaults.redirect_wait)
    options = parser.parse_args()

    with listen(options.host, options.port) as listener:
        url = f"http://{options.host}:{listener.getsockname()[1]}"
        settings = Settings(
            base_url=url,
            business_name=options.business_name,
            retry_delay=options.retry_delay,
            delivery_attempts=options.delivery_attempts,
            redirect_wait=options.redirect_wait,
            magic_amounts=True,
        )
        core = Simulator(settings, random=Random(options.seed))
        print(f"Stripe simulator at {url}, control API at {url}/_control", flush=True)
        make_server(core).run(sockets=[listener])


if __name__ == "__main__":
    main()
