#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Unread counts where more users are in a room than the cache of compiled push rules has room for."""
import people
from people import Person, equal, good, quote

BUCKETS, USERS = 2048, 20  # plugins/push/cache.c keeps eight in a bucket


def bucket_of(user_id):
    value = 2166136261
    for byte in user_id.encode():
        value = (value ^ byte) * 16777619 & 0xffffffff
    return value % BUCKETS


def names_in_one_bucket():
    wanted, found, i = bucket_of("@crowd:example.com"), [], 0
    while len(found) < USERS:
        if bucket_of(f"@crowd{i}:example.com") == wanted:
            found.append(f"crowd{i}")
        i += 1
    return found


def test_everybody_counts(s):
    alice = Person(s, "alice")
    room = alice.create(preset="public_chat")
    crowd = [Person(s, name) for name in names_in_one_bucket()]
    for person in crowd:
        person.join(room)
        person.sync()
    alice.say(room, "one", "1")
    rule = {"actions": [], "conditions": []}
    good(crowd[0].call("PUT", "/pushrules/global/override/silent", rule))
    alice.say(room, "two", "2")
    for person in crowd:
        counts = person.sync()["rooms"]["join"][room]["unread_notifications"]
        equal((person.id, counts["notification_count"]), (person.id, 1 if person == crowd[0] else 2))
    good(alice.call("POST", f"/rooms/{quote(room)}/leave", {}))


people.run(globals())
