"""What a soak finds to grow grows in Lens: the cluster itself doesn't."""

from lens_sim.objects.resources import NAMESPACES, PODS
from lens_sim.objects.store import Store
from tests.attack import cluster
from tests.attack.surroundings import Surroundings
from tests.soak.churn import TEAM_LASTS_S, TEAM_S, Churn

HOUR_S = 3600
NODES = 5


def started() -> tuple[Store, Churn]:
    """Return a small cluster, and what happens in it."""
    surroundings = Surroundings(NODES, token="token")
    cluster.fill(surroundings.store, NODES)
    return surroundings.store, Churn(surroundings, seed=1, speed=1)


def number_of_namespaces(store: Store) -> int:
    """Return how many there are."""
    return len(store.snapshot(NAMESPACES))


def test_the_cluster_has_no_more_namespaces_after_three_days_than_after_one() -> None:
    store, churn = started()

    churn.advance(24 * HOUR_S)
    after_one = number_of_namespaces(store)
    churn.advance(72 * HOUR_S)

    assert after_one > TEAM_LASTS_S / TEAM_S
    assert number_of_namespaces(store) < 1.3 * after_one


def test_no_pod_is_in_a_namespace_that_has_been_deleted() -> None:
    store, churn = started()

    for hour in range(12, 60):
        churn.advance(hour * HOUR_S)
        namespaces = {each.key for each in store.snapshot(NAMESPACES)}

        assert {each.key.partition("/")[0] for each in store.snapshot(PODS)} <= namespaces
