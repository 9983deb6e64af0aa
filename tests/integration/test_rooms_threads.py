#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Relations: GET /rooms/{roomId}/threads, /relations with recursion, bundled aggregations wherever events are read."""
import people
from people import Person, equal, good, pair, quote, refused


def send(person, room, txn, kind="m.room.message", **content):
    return person.call("PUT", f"/rooms/{quote(room)}/send/{kind}/{quote(txn)}", content)


def relate(person, room, parent, rel_type, txn, kind="m.room.message", relation=None, **content):
    content.setdefault("body", txn)
    content["m.relates_to"] = {"rel_type": rel_type, "event_id": parent, **(relation or {})}
    return good(send(person, room, txn, kind, **content))["event_id"]


def threads(person, room, **query):
    return good(person.call("GET", f"/rooms/{quote(room)}/threads", version="v1", **query))


def ids(events):
    return [e["event_id"] for e in events]


def everywhere(person, room, event):
    """The event as each endpoint tells it that bundles aggregations."""
    path = f"/rooms/{quote(room)}"
    yield "event", good(person.call("GET", f"{path}/event/{quote(event)}"))
    yield "context", good(person.call("GET", f"{path}/context/{quote(event)}"))["event"]
    page = good(person.call("GET", f"{path}/messages", dir="b", limit=100))["chunk"]
    yield "messages", next(e for e in page if e["event_id"] == event)
    answer = good(person.call("GET", "/sync", filter='{"room":{"timeline":{"limit":50}}}'))
    yield "sync", next(e for e in answer["rooms"]["join"][room]["timeline"]["events"] if e["event_id"] == event)


def test_threads_are_listed(s):
    alice, bob, room = pair(s, "list")
    roots = [alice.say(room, f"root {i}", f"r{i}") for i in range(3)]
    for i, root in enumerate(roots):
        relate(bob, room, root, "m.thread", f"t{i}")
    equal(ids(threads(alice, room)["chunk"]), roots[::-1])
    relate(alice, room, roots[0], "m.thread", "again")
    equal(ids(threads(alice, room)["chunk"]), [roots[0], roots[2], roots[1]])
    first = threads(alice, room, limit=2)
    equal(ids(first["chunk"]), [roots[0], roots[2]])
    last = threads(alice, room, limit=2, **{"from": first["next_batch"]})
    equal((ids(last["chunk"]), "next_batch" in last), ([roots[1]], False))
    newest = first["chunk"][0]["unsigned"]["m.relations"]["m.thread"]
    equal((newest["count"], newest["latest_event"]["content"]["body"], newest["current_user_participated"]), (2, "again", True))
    refused(alice.call("GET", f"/rooms/{quote(room)}/threads", version="v1", **{"from": "nonsense"}), 400, "M_INVALID_PARAM")
    refused(alice.call("GET", f"/rooms/{quote(room)}/threads", version="v1", include="some"), 400, "M_INVALID_PARAM")
    refused(alice.call("GET", f"/rooms/{quote(room)}/threads", version="v1", limit=0), 400, "M_INVALID_PARAM")
    refused(Person(s, "list_c").call("GET", f"/rooms/{quote(room)}/threads", version="v1"), 403, "M_FORBIDDEN")


def test_participated(s):
    alice, bob, room = pair(s, "part")
    carol = Person(s, "part_c")
    carol.join(room)
    by_alice, by_bob, other = (p.say(room, "root", "root" + p.id[:6]) for p in (alice, bob, carol))
    for root in (by_alice, by_bob, other):
        relate(carol, room, root, "m.thread", "c" + root[:9])
    relate(bob, room, other, "m.thread", "bob speaks")
    equal(ids(threads(alice, room, include="participated")["chunk"]), [by_alice])
    equal(ids(threads(bob, room, include="participated")["chunk"]), [other, by_bob])
    seen = {e["event_id"]: e["unsigned"]["m.relations"]["m.thread"]["current_user_participated"]
            for e in threads(bob, room)["chunk"]}
    equal(seen, {by_alice: False, by_bob: True, other: True})


def test_bundles_everywhere(s):
    alice, bob, room = pair(s, "bundle")
    root = alice.say(room, "first", "root")
    edit = relate(alice, room, root, "m.replace", "edit", **{"m.new_content": {"body": "second", "msgtype": "m.text"}})
    relate(bob, room, root, "m.replace", "not bob's", **{"m.new_content": {"body": "third"}})
    relate(alice, room, root, "m.replace", "no content")
    reference = relate(bob, room, root, "m.reference", "ref")
    relate(bob, room, root, "m.annotation", "heart", "m.reaction", {"key": "heart"})
    answer = relate(bob, room, root, "m.thread", "answer")
    answer_edit = relate(bob, room, answer, "m.replace", "edit 2", **{"m.new_content": {"body": "better"}})
    for where, event in everywhere(alice, room, root):
        found = event["unsigned"]["m.relations"]
        equal((where, sorted(found)), (where, ["m.reference", "m.replace", "m.thread"]))
        equal(event["content"]["body"], "first")
        equal(found["m.replace"]["event_id"], edit)
        equal(found["m.replace"]["content"]["m.new_content"]["body"], "second")
        equal(found["m.reference"], {"chunk": [{"event_id": reference}]})
        thread = found["m.thread"]
        equal((thread["count"], thread["current_user_participated"], thread["latest_event"]["event_id"]), (1, True, answer))
        equal(thread["latest_event"]["unsigned"]["m.relations"]["m.replace"]["event_id"], answer_edit)
    good(alice.call("PUT", f"/rooms/{quote(room)}/redact/{quote(edit)}/r1", {}))
    found = good(alice.call("GET", f"/rooms/{quote(room)}/event/{quote(root)}"))["unsigned"]["m.relations"]
    equal(sorted(found), ["m.reference", "m.thread"])


def test_redacted_root_keeps_its_thread(s):
    alice, bob, room = pair(s, "redacted")
    root = alice.say(room, "first", "root")
    relate(alice, room, root, "m.replace", "edit", **{"m.new_content": {"body": "second"}})
    answer = relate(bob, room, root, "m.thread", "answer")
    good(alice.call("PUT", f"/rooms/{quote(room)}/redact/{quote(root)}/r1", {}))
    listed = threads(alice, room)["chunk"]
    equal((ids(listed), listed[0]["content"], sorted(listed[0]["unsigned"]["m.relations"])), ([root], {}, ["m.thread"]))
    good(bob.call("PUT", f"/rooms/{quote(room)}/redact/{quote(answer)}/r2", {}))
    equal(threads(alice, room)["chunk"], [])


def test_ignored_users_count_nowhere(s):
    alice, bob, room = pair(s, "ignored")
    carol = Person(s, "ignored_c")
    carol.join(room)
    root, hers = alice.say(room, "root", "root"), carol.say(room, "carol's", "root")
    mine = relate(bob, room, root, "m.thread", "bob")
    relate(carol, room, root, "m.thread", "carol")
    relate(carol, room, root, "m.reference", "ref")
    relate(bob, room, hers, "m.thread", "bob answers")
    only = relate(carol, room, bob.say(room, "x", "only"), "m.thread", "only carol")
    good(alice.call("PUT", f"/user/{quote(alice.id)}/account_data/m.ignored_user_list", {"ignored_users": {carol.id: {}}}))
    listed = threads(alice, room)["chunk"]
    equal(ids(listed), [hers, root])
    equal(listed[0]["content"], {})
    summary = listed[1]["unsigned"]["m.relations"]
    equal(sorted(summary), ["m.thread"])
    equal((summary["m.thread"]["count"], summary["m.thread"]["latest_event"]["event_id"]), (1, mine))
    equal(len(threads(bob, room)["chunk"]), 3)
    assert only


def test_who_has_left_sees_the_past(s):
    alice, bob, room = pair(s, "left")
    root = alice.say(room, "root", "root")
    relate(alice, room, root, "m.thread", "before")
    good(bob.call("POST", f"/rooms/{quote(room)}/leave", {}))
    later = alice.say(room, "later", "later")
    relate(alice, room, later, "m.thread", "after")
    equal(ids(threads(bob, room)["chunk"]), [root])
    equal(ids(threads(alice, room)["chunk"]), [later, root])


def test_relations_recurse(s):
    alice, bob, room = pair(s, "recurse")
    root = alice.say(room, "root", "root")
    answer = relate(bob, room, root, "m.thread", "answer")
    edit = relate(bob, room, answer, "m.replace", "edit", **{"m.new_content": {"body": "b"}})
    heart = relate(alice, room, answer, "m.annotation", "heart", "m.reaction", {"key": "heart"})
    deeper = relate(alice, room, edit, "m.reference", "deeper")
    too_deep = relate(alice, room, deeper, "m.reference", "too deep")
    path = f"/rooms/{quote(room)}/relations/{quote(root)}"

    def get(suffix="", **query):
        return good(alice.call("GET", path + suffix, version="v1", **query))
    equal(ids(get()["chunk"]), [answer])
    assert "recursion_depth" not in get()
    deep = get(recurse="true")
    equal((ids(deep["chunk"]), deep["recursion_depth"]), ([deeper, heart, edit, answer], 3))
    assert too_deep not in ids(deep["chunk"])
    equal(ids(get(recurse="true", dir="f")["chunk"]), [answer, edit, heart, deeper])
    page = get(recurse="true", limit=2)
    equal(ids(page["chunk"]), [deeper, heart])
    equal(ids(get(recurse="true", limit=2, **{"from": page["next_batch"]})["chunk"]), [edit, answer])
    equal(ids(get("/m.thread", recurse="true")["chunk"]), [answer])
    equal(ids(get("/m.replace", recurse="true")["chunk"]), [])
    equal(ids(get("/m.thread/m.room.message")["chunk"]), [answer])
    equal(ids(get("/m.thread/m.sticker")["chunk"]), [])


def test_what_may_relate(s):
    alice, bob, room = pair(s, "rules")
    root = alice.say(room, "root", "root")
    answer = relate(bob, room, root, "m.thread", "answer")
    refused(send(alice, room, "nested", **{"m.relates_to": {"rel_type": "m.thread", "event_id": answer}}), 400, "M_UNKNOWN")
    reply = good(send(alice, room, "reply", body="r", **{"m.relates_to": {"m.in_reply_to": {"event_id": root}}}))["event_id"]
    relate(bob, room, reply, "m.thread", "a thread at a reply")
    heart = {"m.relates_to": {"rel_type": "m.annotation", "event_id": root, "key": "heart"}}
    first = good(send(alice, room, "heart", "m.reaction", **heart))["event_id"]
    equal(good(send(alice, room, "heart", "m.reaction", **heart))["event_id"], first)
    refused(send(alice, room, "heart 2", "m.reaction", **heart), 400, "M_DUPLICATE_ANNOTATION")
    good(send(bob, room, "heart 3", "m.reaction", **heart))
    good(alice.call("PUT", f"/rooms/{quote(room)}/redact/{quote(first)}/r", {}))
    good(send(alice, room, "heart 4", "m.reaction", **heart))
    other = alice.create()
    refused(send(alice, other, "elsewhere", **{"m.relates_to": {"rel_type": "m.reference", "event_id": root}}), 400, "M_UNKNOWN")


def test_receipts_of_no_thread(s):
    """A receipt belongs to the main timeline or to a thread of its room; there are no others to fill the server with."""
    alice, bob, room = pair(s, "receipts")
    elsewhere = alice.say(alice.create(), "elsewhere", "e")
    root = alice.say(room, "root", "r")
    path = f"/rooms/{quote(room)}/receipt/m.read/{quote(root)}"
    for thread in ("anything", "$nothing", elsewhere):
        refused(bob.call("POST", path, {"thread_id": thread}), 400, "M_INVALID_PARAM")
    for thread in ("main", root):
        good(bob.call("POST", path, {"thread_id": thread}))


people.run(globals())
