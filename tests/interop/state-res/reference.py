"""Synapse's event_auth and state resolution as a library: the independent implementation that is compared with."""

import itertools

from synapse import event_auth
from synapse.api.errors import SynapseError
from synapse.api.room_versions import KNOWN_ROOM_VERSIONS
from synapse.events import make_event_from_dict
from synapse.state import v1, v2
from synapse.storage.databases.main.event_federation import StateDifference


def run(coroutine):
    """Drives a coroutine that never really waits."""
    try:
        while True:
            coroutine.send(None)
    except StopIteration as stop:
        return stop.value


class Clock:
    async def sleep(self, duration):
        return None


def event(version, pdu, rejected=None):
    """None for what does not even become an event there."""
    try:
        made = make_event_from_dict(pdu, KNOWN_ROOM_VERSIONS[version], rejected_reason=rejected)
        made.event_id
        return made
    except Exception:
        return None


def content(made):
    return made.get_dict()["content"]


def auth_keys(made):
    try:
        return event_auth.auth_types_for_event(made.room_version, made)
    except (KeyError, TypeError):
        return set()


def verdict(check):
    """"" for allowed, else why not. What makes Synapse raise something else never gets into a room there, either."""
    try:
        check()
        return ""
    except SynapseError as error:
        return error.msg
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def allows(made, state):
    return verdict(lambda: event_auth.check_state_dependent_auth_rules(made, state))


def allows_create(made):
    return verdict(lambda: event_auth._check_create(made))


class Store:
    def __init__(self, events):
        self.events = events

    async def get_events(self, ids, redact_behaviour=None, allow_rejected=False):
        return {i: self.events[i] for i in ids if i in self.events}

    def chain(self, ids):
        seen = set()
        waiting = [i for i in ids if i in self.events]
        while waiting:
            one = waiting.pop()
            if one not in seen:
                seen.add(one)
                waiting += [a for a in self.events[one].auth_event_ids() if a in self.events]
        return seen

    async def get_auth_chain_difference(self, room_id, state_sets, conflicted, additional):
        chains = [self.chain(s) for s in state_sets]
        difference = set.union(*chains) - set.intersection(*chains)
        subgraph = None
        if conflicted is not None:
            below = self.chain(conflicted)
            subgraph = {i for i in below if self.chain([i]) & conflicted}
        return StateDifference(auth_difference=difference, conflicted_subgraph=subgraph)


def allows_citations(made, events):
    return verdict(lambda: run(event_auth.check_state_independent_auth_rules(Store(events), made)))


def resolve(version, room_id, states, events):
    room_version = KNOWN_ROOM_VERSIONS[version]
    store = Store(events)
    if version == "1":
        state = run(v1.resolve_events_with_store(room_id, room_version, [dict(s) for s in states], None, store.get_events))
    else:
        state = run(v2.resolve_events_with_store(Clock(), room_id, room_version, states, None, store))
    return dict(state)
