"""Many worlds: what happens in one, chosen from its seed, and running a number of them."""

from collections.abc import Callable, Sequence
from functools import partial
from random import Random
from typing import Any

from local.stripe_simulator.resources.disputes import Open
from tests.simulation.charging import AMOUNTS, OUTCOMES, REFUNDS, TERMS
from tests.simulation.tasks import Fault, Task
from tests.simulation.world import CUSTOMERS, LOCALES, MOST_UNDER_WAY, URLS, World

HOUR = 3600
STEPS = (60, 160)
CHARGING_STEPS = (100, 240)
INTENSITIES = (0.0, 0.03, 0.08, 0.15)
INDEX_LAGS = (0.0, 1.0, 60.0, 1800.0)
"""In seconds. DynamoDB names none that is never exceeded; as a rule it is a fraction of one."""

ERASURES = 0.6
"""The share of worlds in which customers are erased."""
CHARGING = 0.6
"""The share of worlds that begin with an active mandate, and in which most of what happens is charging."""
SELDOM = 0.12
"""How often anything else happens there."""

DISPUTE_STATUSES = ("under_review", "warning_under_review", "won", "lost", "warning_closed")

TERMS_WEIGHTS = (4, 2, 1, 1, 2)

LONGEST_LIFE = 3 * 24 * HOUR
"""Well inside the queue's retention: nobody leaves a queue alone for days."""

Step = tuple[float, Callable[[], Any]]


def run(seed: int, steps: int | None = None) -> World:
    """One world from its beginning to convergence. Raises Violation."""
    choose = Random(f"world {seed}")
    world = World(
        seed,
        faults=choose.choice(INTENSITIES),
        index_lag=choose.choice(INDEX_LAGS),
        terms=choose.choices(list(TERMS), TERMS_WEIGHTS)[0],
    )
    world.has_erasures = choose.random() < ERASURES
    with world.entered():
        if choose.random() < CHARGING or world.terms.notice_hours:
            world.is_charging = True
            world.activate()
        usual = CHARGING_STEPS if world.is_charging else STEPS
        for _ in range(choose.randint(*usual) if steps is None else steps):
            world.steps += 1
            one_step(world)
            world.invariants.check()
        world.fault_chance = 0.0
        world.converge()
    return world


def one_step(world: World) -> None:
    ready = world.ready()
    if ready and world.random.random() < (0.9 if len(world.tasks.under_way) >= MOST_UNDER_WAY else 0.7):
        on_with(world, world.random.choice(ready))
        return
    if world.tasks.under_way and not ready:
        world.clock.now = min(task.not_before for task in world.tasks.under_way)
        return
    steps = possible_steps(world)
    world.random.choices([act for _, act in steps], [weight for weight, _ in steps])[0]()


def on_with(world: World, task: Task) -> None:
    world.go_on(task, chosen_fault(world, task))


def chosen_fault(world: World, task: Task) -> Fault | None:
    possible = world.faults_for(task)
    if not possible:
        return None
    assert task.call
    if task.call.service == "stripe" and world.clock.now < world.stripe_down_until:
        return world.random.choice([Fault.UNREACHABLE, Fault.UNAVAILABLE])
    if world.random.random() >= world.fault_chance * (2 if task.call.writes else 0.5):
        return None
    return world.random.choice(possible)


def possible_steps(world: World) -> Sequence[Step]:
    """What can happen now that was not begun yet, with its weight."""
    if len(world.tasks.under_way) >= MOST_UNDER_WAY:
        return [(1, partial(world.pass_time, 0.5))]
    return [
        *_time(world),
        *_seldom(world, _customers(world)),
        *_seldom(world, _front_end(world)),
        *_seldom(world, _at_stripe(world)),
        *_business(world),
        *_payments(world),
        *_given_back(world),
        *_webhooks(world),
        *_workers(world),
    ]


def _seldom(world: World, steps: Sequence[Step]) -> list[Step]:
    """In a world where most of what happens is charging."""
    return [(weight * (SELDOM if world.is_charging else 1), act) for weight, act in steps]


def _time(world: World) -> list[Step]:
    steps: list[Step] = [(2, partial(world.pass_time, world.random.uniform(1, 20))), (1, world.rotate_secret)]
    if not world.tasks.under_way or world.random.random() < 0.1:  # who is under way then is gone
        steps.append((2, partial(world.pass_time, world.random.uniform(30, 400))))
        if world.clock.now - world.started_at < LONGEST_LIFE - 26 * HOUR:
            jump = world.random.choice([HOUR, 6 * HOUR, 22.99 * HOUR, 23 * HOUR, 23.7 * HOUR, 24 * HOUR])
            steps.append((1, partial(world.pass_time, jump + world.random.uniform(0, 60))))
    if world.fault_chance:
        steps.append((0.3, partial(_stripe_goes_down, world)))
    return steps


def _customers(world: World) -> list[Step]:
    random = world.random
    customer_id = random.choice(CUSTOMERS[: 1 + (world.seed % 2)])
    row = world.aws.items("customers").get((customer_id, "customer"))
    known = row is not None and "stripe_customer_id" in row
    put = partial(world.put_customer, customer_id, **_profile(random))
    open_one = partial(world.post_checkout, customer_id, _mostly(random, URLS), _mostly(random, LOCALES))
    steps: list[Step] = [(2 if known else 12, put), (7 if known else 1, open_one)]
    if world.has_erasures:
        steps.append((2 if known else 0.2, partial(world.erase, customer_id)))
    return steps


def _profile(random: Random) -> dict[str, str]:
    return {"email": f"ann{random.randrange(3)}@shop.example"} if random.random() < 0.5 else {}


def _mostly[T](random: Random, choices: Sequence[T]) -> T:
    return choices[0] if random.random() < 0.75 else random.choice(choices)


def _stripe_goes_down(world: World) -> None:
    world.note("Stripe goes down")
    world.stripe_down_until = world.clock.now + world.random.choice([5, 60, 600])


def _front_end(world: World) -> list[Step]:
    steps: list[Step] = []
    if world.handed:
        handed = world.random.choice(world.handed)
        by_service = world.random.random() < 0.3
        steps.append((4, partial(world.return_page, handed)))
        someone = world.random.choice((handed.customer_id, *CUSTOMERS))
        wrong = world.random.random() < 0.2
        steps.append((2, partial(world.come_back, handed, someone, wrong=wrong)))
        steps.append((2, partial(world.revoke, handed.customer_id, handed.mandate_id, by_service=by_service)))
    return steps


def _at_stripe(world: World) -> list[Step]:
    random, stripe = world.random, world.stripe
    steps: list[Step] = []
    open_ones = [one["id"] for one in world.objects("checkout.session") if one["status"] == "open"]
    if open_ones:
        session = random.choice(open_ones)
        with_mandate = random.random() < 0.8
        steps += [
            (9, partial(world.authorize, session, mandate=with_mandate)),
            (2, partial(world.at_stripe, "the buyer is declined", partial(stripe.decline, session))),
            (1, partial(world.at_stripe, "the buyer goes away", partial(stripe.abandon, session))),
            (2, partial(world.at_stripe, f"{session[:16]} expires", partial(stripe.expire, session))),
        ]
    attached = [method["id"] for method in world.objects("payment_method") if method["customer"]]
    if attached:
        method = random.choice(attached)
        used_up = partial(stripe.end_another_mandate, method)
        steps += [
            (1, partial(world.at_stripe, f"another's mandate on {method} is used up", used_up)),
            (2, partial(world.at_stripe, f"{method} is detached", partial(stripe.detach, method))),
            (
                2,
                partial(
                    world.at_stripe, f"{method} ends at Amazon", partial(stripe.revoke_at_amazon, method)
                ),
            ),
        ]
    living = [one["id"] for one in world.objects("customer") if not one.get("deleted")]
    if living:
        customer = random.choice(living)
        steps.append(
            (1, partial(world.at_stripe, f"{customer} is deleted", partial(stripe.delete_customer, customer)))
        )
    heads = world.invariants.heads()
    if heads and living:
        head = random.choice(heads)
        as_ours = random.random() < 0.5
        # Until it knows its session, a mandate can't tell another one of its own customer's from it.
        knows_its_session = "session_created" in head["facts"]["S"]
        believed = None if knows_its_session else head["stripe_customer_id"]["S"]
        others = [one for one in living if one != believed]
        if not as_ours:
            steps.append(
                (1, partial(world.forge, head["mandate_id"]["S"], random.choice(living), "another-stack"))
            )
        elif others:
            steps.append(
                (1, partial(world.forge, head["mandate_id"]["S"], random.choice(others), "test-stack"))
            )
    return steps


def _business(world: World) -> list[Step]:
    """It orders charges, repeats requests that it has no answer to, and pauses charging."""
    random, charging = world.random, world.charging
    active = [
        head["mandate_id"]["S"]
        for head in world.invariants.heads()
        if world.invariants.status(head) == "active"
    ]
    steps: list[Step] = []
    if active:
        wanted = 20 if world.terms.notice_hours and charging.is_covered() else 7
        steps.append((wanted, lambda: charging.post(charging.new_order(random.choice(active), random))))
        often = 7 if world.terms.notice_hours else 0.2
        steps.append((often, lambda: charging.notice(random.choice(active), **_notice(random))))
        if (covers := charging.next_charge_from()) and not world.tasks.under_way:
            seconds = covers - world.clock.now + random.choice([0, 1, 60])
            if covers < world.started_at + LONGEST_LIFE - 26 * HOUR:
                steps.append((8, partial(world.pass_time, seconds)))
    elif world.handed and random.random() < 0.1:
        handed = random.choice(world.handed)
        steps.append((1, lambda: charging.post(charging.new_order(handed.mandate_id, random))))
    if charging.ordered:
        steps.append((3, partial(charging.post, random.choice(charging.ordered[-4:]))))
        steps.append((2, charging.resume) if charging.is_paused else (0.4, charging.pause))
    return steps


def _notice(random: Random) -> dict[str, Any]:
    """Some are the same as others."""
    seconds, message = random.choice([0, 3 * HOUR, 3 * HOUR, 26 * HOUR]), random.randrange(3)
    return {"seconds": seconds, "amount": random.choice(AMOUNTS), "reference": f"message-{message}"}


def _payments(world: World) -> list[Step]:
    random, charging = world.random, world.charging
    if not charging.ordered:
        return []
    some = [{**random.choice(OUTCOMES), "times": random.choice([1, 1, 2, 4])} for _ in range(2)]
    steps: list[Step] = [
        (3, partial(charging.script, *some)),
        (1, charging.script),
        (0.5, charging.somebody_elses),
    ]
    if undecided := charging.intents("processing", "requires_action"):
        chosen = random.choice(undecided)
        steps.append((3, partial(charging.decide, chosen, succeeds=random.random() < 0.5)))
    if waiting := charging.intents("requires_payment_method", "requires_action"):
        steps.append((0.5, partial(charging.cancel, random.choice(waiting))))
    return steps


def _given_back(world: World) -> list[Step]:
    """Refunds, disputes, and charges that are called off."""
    random, charging, charges = world.random, world.charging, world.invariants.charges
    steps: list[Step] = []
    if under_way := charges.ids(succeeded=False):
        steps.append((0.7, partial(charging.call_off, random.choice(under_way))))
        steps.append((0.1, partial(charging.refund, random.choice(under_way), "too-soon")))
    if taken := charges.ids(succeeded=True):
        charge_id, amount = random.choice(taken), random.choice([None, 100, 400, 700, 1_000])
        steps.append((10, partial(charging.refund, charge_id, f"refund-{random.randrange(6)}", amount)))
        steps.append((0.1, partial(charging.call_off, charge_id)))
        some = [{**random.choice(REFUNDS), "times": random.choice([1, 1, 2])} for _ in range(2)]
        steps += [(2, partial(charging.script_refunds, *some)), (0.5, charging.script_refunds)]
    if paid := charging.intents("succeeded"):
        opened = Open(
            amount=random.choice([None, 300]),
            status=random.choice(["needs_response", "warning_needs_response"]),
            fail_refunds=random.random() < 0.3,
        )
        steps.append((1.2, partial(charging.dispute, random.choice(paid), opened)))
        part = random.choice([None, 200])
        steps.append((1.5, partial(charging.refund_in_dashboard, random.choice(paid), part)))
    if waiting := charging.undecided("refund"):
        succeeds = random.random() < 0.5
        steps.append((2, partial(charging.decide_refund, random.choice(waiting), succeeds=succeeds)))
    if disputes := [one["id"] for one in world.objects("dispute")]:
        status = random.choice(DISPUTE_STATUSES)
        steps.append((1.5, partial(charging.move_dispute, random.choice(disputes), status)))
    return steps


def _webhooks(world: World) -> list[Step]:
    steps: list[Step] = [(6, world.take_due)] if world.stripe.next_due() else []
    if world.held:
        attempt = world.random.choice(world.held)
        steps += [
            (24, partial(world.deliver, attempt)),
            (2, partial(world.deliver, attempt, copy=True)),
            (1, partial(world.drop, attempt)),
            (1, partial(world.lose, attempt)),
        ]
    return steps


def _workers(world: World) -> list[Step]:
    random, now = world.random, world.clock.now
    steps: list[Step] = [(0.7, world.reconcile)]
    if world.aws.webhooks.due(now):
        again = random.random() < 0.15
        steps.append((14, partial(world.poll_webhooks, random.choice([1, 2, 10]), again=again)))
    if world.aws.work.due(now):
        steps.append((8, partial(world.poll_work, again=random.random() < 0.1)))
    if (due := world.charging.next_due()) is not None:
        steps.append((4, world.charging.look_for_due))
        if now < due < world.started_at + LONGEST_LIFE - 26 * HOUR and not world.tasks.under_way:
            steps.append((8, partial(world.pass_time, due - now + random.choice([0, 1, 60]))))
    if world.aws.charges.due(now):
        steps.append((12, partial(world.poll_charges, again=random.random() < 0.1)))
    idle = [shard for shard in world.aws.shards if not shard.busy and shard.position < len(shard.records)]
    return [*steps, *((5, partial(world.poll_stream, shard)) for shard in idle)]
