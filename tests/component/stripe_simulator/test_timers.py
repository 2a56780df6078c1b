from local.stripe_simulator.timers import Timers


def test_a_timer_rings_once_when_its_time_has_come() -> None:
    timers, rung = Timers(), list[str]()
    timers.set("late", 20, lambda: rung.append("late"))
    timers.set("early", 10, lambda: rung.append("early"))
    timers.ring(9.9)
    assert (rung, timers.next_due()) == ([], 10)
    timers.ring(10)
    timers.ring(10)
    assert (rung, timers.next_due()) == (["early"], 20)


def test_an_object_has_one_timer() -> None:
    timers, rung = Timers(), list[str]()
    timers.set("x", 10, lambda: rung.append("first"))
    timers.set("x", 20, lambda: rung.append("second"))
    timers.ring(15)
    assert rung == []
    timers.ring(20)
    assert rung == ["second"]


def test_a_cancelled_timer_does_not_ring() -> None:
    timers, rung = Timers(), list[str]()

    def first() -> None:
        rung.append("first")
        timers.cancel("second")

    timers.set("first", 10, first)
    timers.set("second", 10, lambda: rung.append("second"))
    timers.cancel("never set")
    timers.ring(10)
    assert (rung, timers.next_due()) == (["first"], None)
