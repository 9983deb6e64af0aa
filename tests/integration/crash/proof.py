# SPDX-License-Identifier: Apache-2.0
"""Compares what clients noted with what the server now shows."""
from collections import Counter

from crash.client import Wrong, quote


def need(holds, *told):
    if not holds:
        raise Wrong(" ".join(str(part) for part in told))


def pages(client, room, direction):
    events, query = [], {"dir": direction, "limit": 500}
    while True:
        _, page, _ = client.ask("GET", f"/rooms/{quote(room)}/messages", **query)
        events += page["chunk"]
        if "end" not in page:
            return events
        query["from"] = page["end"]


def first_difference(one, other):
    for i, (a, b) in enumerate(zip(one, other)):
        if a != b:
            return f"at {i}: {a} and {b}"
    return f"lengths {len(one)} and {len(other)}"


def one_order(client, room, readers):
    """The room's events, after showing that they come in one order, each once, whoever reads and however."""
    forward = pages(client, room, "f")
    order = [event["event_id"] for event in forward]
    twice = [event for event, count in Counter(order).items() if count > 1]
    need(not twice, "events that /messages shows twice:", twice)
    backward = [event["event_id"] for event in reversed(pages(client, room, "b"))]
    need(order == backward, "/messages back and forth differ in", room, first_difference(order, backward))
    for reader in readers:
        timeline = reader.rooms[room].timeline
        need(order[-len(timeline):] == timeline, reader.name, "read another order in", room,
             first_difference(order[-len(timeline):], timeline))
        need(len(timeline) == len(order), reader.name, "missed the first", len(order) - len(timeline), "events of", room)
    return forward


def same_state(client, room, readers):
    _, events, _ = client.ask("GET", f"/rooms/{quote(room)}/state")
    state = {(event["type"], event["state_key"]): event["event_id"] for event in events}
    for reader in readers:
        built = reader.rooms[room].state
        wrong = {key: (state.get(key), built.get(key)) for key in state.keys() | built.keys()
                 if state.get(key) != built.get(key)}
        need(not wrong, reader.name, "built another state of", room, "(server's, its own):", wrong)
    return state


def room_holds(client, room, readers, records, movers):
    """All that was acknowledged of one room."""
    events = one_order(client, room, readers)
    state = same_state(client, room, readers)
    place = {event["event_id"]: i for i, event in enumerate(events)}
    by_id = {event["event_id"]: event for event in events}
    bodies = Counter(event["content"].get("body") for event in events if event["type"] == "m.room.message")
    values = Counter(event["content"].get("value") for event in events if event["type"] == "org.test.state")
    for record in records:
        holds_messages(room, record, place, by_id, bodies)
        holds_redactions(room, record, by_id)
        holds_state(room, record, by_id, values)
    known = {text for record in records for _, _, text, _ in record.sent}
    strange = [body for body in bodies if body and body not in known]
    need(not strange, "messages in", room, "that nobody was told of:", strange)
    for mover in movers:
        if room in mover.record.members:
            member = by_id[state["m.room.member", mover.client.id]]["content"]["membership"]
            need(member == mover.record.members[room], mover.name, "is", member, "in", room, "instead of",
                 mover.record.members[room])
    return len(events)


def holds_messages(room, record, place, by_id, bodies):
    redacted = {target for _, _, target in record.redacted}
    mine = [(event, text) for where, event, text, _ in record.sent if where == room]
    for event, text in mine:
        need(event in place, "lost:", event, text, "in", room)
        if event in redacted:
            need(bodies[text] == 0, "a redacted message has a twin:", text)
        else:
            need(by_id[event]["content"]["body"] == text, "another message is called", event)
            need(bodies[text] == 1, text, "is there", bodies[text], "times in", room)
    places = [place[event] for event, _ in mine]
    need(places == sorted(places), "a sender's own events changed places in", room)


def holds_redactions(room, record, by_id):
    for where, redaction, target in record.redacted:
        if where == room:
            need(redaction in by_id, "lost: redaction", redaction, "in", room)
            need(by_id[target]["content"] == {}, target, "is not redacted in", room)
            because = by_id[target]["unsigned"]["redacted_because"]["event_id"]
            need(because == redaction, target, "was redacted by", because, "not", redaction)


def holds_state(room, record, by_id, values):
    for where, event, key, text, tries in record.state:
        if where == room:
            need(event in by_id, "lost: state", event, text, "in", room)
            found = by_id[event]
            need(found["content"] == {"value": text} and found["state_key"] == key, "another state is called", event)
            need(1 <= values[text] <= tries, text, "was sent", tries, "times and is there", values[text], "times")


def account_holds(sender):
    """A sender's own account: rooms made, account data, receipts."""
    client, record = sender.client, sender.record
    _, joined, _ = client.ask("GET", "/joined_rooms")
    for room, name in record.made:
        need(room in joined["joined_rooms"], "lost: room", room)
        _, found, _ = client.ask("GET", f"/rooms/{quote(room)}/state/m.room.name/")
        need(found == {"name": name}, room, "is called", found)
    if record.data:
        _, found, _ = client.ask("GET", f"/user/{quote(client.id)}/account_data/org.test")
        need(found == {"value": record.data}, "account data of", client.id, "is", found, "not", record.data)


def receipts_hold(sender, readers):
    for room, event in sender.record.receipts.items():
        for reader in readers:
            found = reader.rooms[room].receipts.get(sender.client.id)
            need(found == event, "receipt of", sender.client.id, "in", room, "is", found, "for", reader.name, "not", event)


def to_device_holds(reader, expected):
    """expected: by sender, in their order; each message once."""
    for user, texts in expected.items():
        found = [text for sender, text in reader.to_device if sender == user]
        need(found == texts, "to-device messages of", user, "for", reader.name, "differ:", first_difference(found, texts))


def keys_hold(senders, uploaded):
    """uploaded: (user, key's name) of all that there were."""
    claimed = Counter(key for sender in senders for key in sender.record.claimed)
    twice = [key for key, count in claimed.items() if count > 1]
    need(not twice, "one-time keys that were given away twice:", twice)
    strange = [key for key in claimed if key not in uploaded]
    need(not strange, "one-time keys that nobody uploaded:", strange)
    return len(claimed)


def repeats_are_the_same(sender, rng):
    """Whoever asks again with a transaction id gets the first answer."""
    for room, event, text, _ in rng.sample(sender.record.sent, min(5, len(sender.record.sent))):
        path = f"/rooms/{quote(room)}/send/m.room.message/{text}"
        _, answer, _ = sender.client.ask("PUT", path, {"msgtype": "m.text", "body": text})
        need(answer["event_id"] == event, "repeating", text, "gave", answer["event_id"], "not", event)
    for recipient, text in rng.sample(sender.record.to_device, min(3, len(sender.record.to_device))):
        sender.client.ask("PUT", f"/sendToDevice/org.test/{text}", {"messages": {recipient: {"*": {"text": text}}}})
