"""Which rows are due, and taking them: a batch is of one tenant, in one state, under one lease."""

from datetime import timedelta

from connector.claim import claim
from connector.models import AgentConnection, GenesysAccess, Tenant
from tests.engine.conftest import AUTO_QUEUE, Desk

DONE = {"state": "delivered", "reason": "delivered"}


def of_another_tenant(desk: Desk) -> Desk:
    tenant = Tenant.objects.create(
        slug="clinica", name="Clínica", queue_policy="all", lynn_base_url="https://lynn.example.com"
    )
    return Desk(tenant, desk.clock, offered=1000)


def rows_of(*claims: object) -> set[object]:
    return {pk for each in claims for pk in each.ids}  # type: ignore[attr-defined]


def test_nothing_is_due_before_its_time(desk: Desk) -> None:
    desk.ring()

    assert [] == claim(desk.clock.now, most=10, workers=10)


def test_a_claimed_row_comes_due_again_when_its_lease_ends(desk: Desk) -> None:
    _, row = desk.ring(AUTO_QUEUE)

    (first,) = claim(desk.clock.now, most=10, workers=10)
    during = claim(desk.clock.forward(14), most=10, workers=10)
    (second,) = claim(desk.clock.forward(1), most=10, workers=10)

    assert ([row.pk], [], [row.pk]) == (first.ids, during, second.ids)
    assert first.lease != second.lease


def test_a_row_whose_lease_ended_by_itself_is_marked_as_retaken(desk: Desk) -> None:
    _, row = desk.ring(AUTO_QUEUE)
    claim(desk.clock.now, most=10, workers=10)
    row.refresh_from_db()
    assert not row.retaken

    claim(desk.clock.forward(15), most=10, workers=10)

    row.refresh_from_db()
    assert row.retaken
    assert desk.clock.now + timedelta(seconds=15) == row.due_at


def test_batches_are_of_one_tenant_and_one_state(desk: Desk) -> None:
    other = of_another_tenant(desk)
    rung = [desk.ring(), desk.ring(AUTO_QUEUE), other.ring()]

    claims = claim(desk.clock.forward(10), most=10, workers=10)

    assert 3 == len(claims)
    assert {row.pk for _, row in rung} == rows_of(*claims)
    assert {1} == {len(each.ids) for each in claims}


def test_whoever_waited_longest_comes_first_and_the_others_get_their_turn(desk: Desk) -> None:
    other = of_another_tenant(desk)
    for _ in range(200):
        desk.ring(AUTO_QUEUE)
    desk.clock.forward(1)
    _, late = other.ring()

    claims = claim(desk.clock.forward(10), most=2)

    assert [32, 1] == [len(each.ids) for each in claims]
    assert [late.pk] == claims[1].ids


def test_a_batch_of_checks_holds_fifty_agents_with_all_their_offers(desk: Desk) -> None:
    for number in range(60):
        desk.ring(userId=f"agent-{number}")
        desk.ring(userId=f"agent-{number}")

    (first,) = claim(desk.clock.forward(10), most=10, workers=10)
    (second,) = claim(desk.clock.now, most=10, workers=10)

    assert (100, 20) == (len(first.ids), len(second.ids))
    agents = AgentConnection.objects.filter(lease=first.lease).values("user_id").distinct()
    assert 50 == agents.count()


def test_a_batch_of_deliveries_is_as_large_as_can_be_posted_at_once(desk: Desk) -> None:
    for _ in range(40):
        desk.ring(AUTO_QUEUE)

    (first,) = claim(desk.clock.now, most=10, workers=10)
    (second,) = claim(desk.clock.now, most=10, workers=10)

    assert (32, 8) == (len(first.ids), len(second.ids))


def test_one_worker_is_always_left_to_other_tenants(desk: Desk) -> None:
    other = of_another_tenant(desk)
    for _ in range(200):
        desk.ring(AUTO_QUEUE)

    held = [claim(desk.clock.now, most=10, workers=3) for _ in range(3)]
    _, row = other.ring()
    desk.clock.forward(10)
    freed = claim(desk.clock.now, most=10, workers=3)

    assert [1, 1, 0] == [len(claims) for claims in held]
    assert [[row.pk]] == [each.ids for each in freed]


def test_a_tenant_whose_lynn_does_not_answer_gets_no_more_than_half_of_the_workers(
    desk: Desk,
) -> None:
    for _ in range(200):
        desk.ring(AUTO_QUEUE)

    (first,) = claim(desk.clock.now, most=1, workers=5)
    hanging = claim(desk.clock.forward(1.5), most=1, workers=2)
    others = [claim(desk.clock.now, most=1, workers=5) for _ in range(3)]

    assert [] == hanging
    assert [1, 0, 0] == [len(claims) for claims in others]
    assert 32 == len(first.ids)


def test_a_tenant_gets_its_turn_again_when_its_batch_is_done(desk: Desk) -> None:
    for _ in range(40):
        desk.ring(AUTO_QUEUE)
    (first,) = claim(desk.clock.now, most=10, workers=2)
    assert [] == claim(desk.clock.now, most=10, workers=2)

    AgentConnection.objects.filter(pk__in=first.ids).update(lease=None, due_at=None, **DONE)

    assert 1 == len(claim(desk.clock.now, most=10, workers=2))


def test_a_lonely_worker_serves_everybody(desk: Desk) -> None:
    desk.ring(AUTO_QUEUE)

    assert 1 == len(claim(desk.clock.now, most=10, workers=1))


def with_calls(desk: Desk, left: float) -> GenesysAccess:
    return GenesysAccess.objects.create(
        tenant=desk.tenant, allowed_per_minute=300, calls_left=left, refilled_at=desk.clock.now
    )


def test_checks_keep_their_place_while_calls_to_genesys_are_used_up(desk: Desk) -> None:
    rung = []
    for number in range(120):
        rung.append(desk.ring(userId=f"agent-{number}")[1].pk)
        AgentConnection.objects.filter(pk=rung[-1]).update(due_at=desk.clock.forward(0.1))
    with_calls(desk, 1)

    claims = [
        claim(desk.clock.forward(seconds), most=9, workers=9) for seconds in (0, 0.1, 0.1, 0.1, 0.3)
    ]

    assert [[rung[:50]], [], [], [rung[50:100]], [rung[100:]]] == [
        [sorted(each.ids, key=rung.index) for each in taken] for taken in claims
    ]


def test_who_waits_for_genesys_keeps_no_neighbour_and_no_delivery_waiting(desk: Desk) -> None:
    other = of_another_tenant(desk)
    _, held_up = desk.ring()
    _, delivery = desk.ring(AUTO_QUEUE)
    _, neighbour = other.ring()
    desk.clock.forward(10)
    with_calls(desk, 0)

    claims = claim(desk.clock.now, most=9)

    assert {delivery.pk, neighbour.pk} == rows_of(*claims)
    assert held_up.due_at == AgentConnection.objects.get(pk=held_up.pk).due_at


def test_who_waits_for_genesys_is_not_late_work_of_ours(desk: Desk) -> None:
    desk.ring()
    now = desk.clock.forward(60)
    assert AgentConnection.objects.oldest_due(now)
    with_calls(desk, 0)

    claim(now, most=9)

    assert AgentConnection.objects.oldest_due(now) is None
    assert AgentConnection.objects.oldest_due(desk.clock.forward(10))
