# SPDX-License-Identifier: Apache-2.0
"""Random JSON values, their texts, damage to texts, and random events; all from one seed."""
import json
import random
import struct

CHARACTERS = [
    'a', 'b', 'z', 'A', '0', ' ', '"', '\\', '/', '\x00', '\x01', '\x08', '\t', '\n', '\x0b', '\f', '\r', '\x1f', '\x7f',
    '\x80', '\xe9', '\u07ff', '\u0800', '\u2028', '\u65e5', '\ud7ff', '\ue000', '\ufffd', '\uffff', '\U00010000',
    '\U0001f600', '\U0010ffff',
]
INTEGERS = [0, 1, -1, 10, 255, 2**31, -(2**31), 2**53 - 1, -(2**53) + 1, 2**53, -(2**53), 2**63 - 1, -(2**63)]
FLOATS = [0.0, -0.0, 1.0, 0.1, 1.5, 1e15, 1e16, 1e17, 1e22, 1e23, 0.0001, 0.00001, 5e-324, 1.7976931348623157e308, 2.5e-7,
          123456789012345680.0]
# What a byte of a text is replaced by, or what is put in.
DAMAGE = [b'"', b'\\', b'{', b'}', b'[', b']', b',', b':', b'0', b'-', b'.', b'e', b'E', b'+', b' ', b'\t', b'\r', b'\x00',
          b'\x1f', b'\x7f', b'\x80', b'\xc0\x80', b'\xed\xa0\x80', b'\xf4\x90\x80\x80', b'\xe2\x82', b'\xef\xbb\xbf', b'\\u',
          b'\\ud800', b'\\udc00', b'\\ud83d\\ude00', b'\\u0000', b'null', b'true', b'NaN', b'Infinity', b'1e999', b'/*',
          b'9223372036854775808', b'"a":1,"a":2', b'00', b'-0', b'{"a":1,"\\u0061":2}']

EVENT_TYPES = ['m.room.message', 'm.room.member', 'm.room.create', 'm.room.join_rules', 'm.room.power_levels',
               'm.room.aliases', 'm.room.history_visibility', 'm.room.redaction', 'm.room.third_party_invite', '']
CONTENT_KEYS = ['membership', 'join_authorised_via_users_server', 'third_party_invite', 'signed', 'creator', 'room_version',
                'additional_creators', 'join_rule', 'allow', 'ban', 'events', 'events_default', 'invite', 'kick',
                'notifications', 'redact', 'state_default', 'users', 'users_default', 'aliases', 'history_visibility',
                'redacts', 'reason', 'body', 'm.federate']
# Without age_ts, outlier and destinations: Synapse leaves them out of the content hash at the top of an event, too, where
# the specification knows no such exception.
TOP_KEYS = ['prev_state', 'origin', 'membership', 'redacts', 'state_key', 'custom', 'age', 'replaces_state']


class Generator:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def chance(self, probability):
        return self.random.random() < probability

    def between(self, low, high):
        return self.random.randint(low, high)

    def bytes(self, count):
        return self.random.randbytes(count)

    def string(self):
        return ''.join(self.random.choices(CHARACTERS, k=self.random.choice([0, 1, 1, 2, 3, 7, 8, 9, 30])))

    def number(self):
        kind = self.random.random()
        if kind < 0.3:
            return self.random.choice(INTEGERS)
        if kind < 0.6:
            return self.random.randint(-1000, 1000)
        if kind < 0.75:
            return self.random.choice(FLOATS)
        if kind < 0.85:
            return round(self.random.uniform(-1000, 1000), self.random.randint(0, 6))
        number = struct.unpack('d', self.random.randbytes(8))[0]
        return number if abs(number) < 1e308 else 0.5

    def value(self, depth=0):
        kind = self.random.random()
        if depth < 5 and kind < 0.3:
            return self.object(depth)
        if depth < 5 and kind < 0.5:
            return [self.value(depth + 1) for _ in range(self.random.choice([0, 1, 2, 5]))]
        if kind < 0.7:
            return self.number()
        if kind < 0.9:
            return self.string()
        return self.random.choice([None, True, False])

    def object(self, depth=0):
        return {self.string(): self.value(depth + 1) for _ in range(self.random.choice([0, 1, 3, 6, 20]))}

    def written(self, value):
        """A text that means the value, with spaces, escapes and order as they may come."""
        text = json.dumps(value, ensure_ascii=self.chance(0.5),
                          separators=self.random.choice([(',', ':'), (', ', ': '), (' ,\t', '\r: ')]))
        return text.replace('/', '\\/') if self.chance(0.2) else text

    def damaged(self, text):
        for _ in range(self.random.choice([1, 1, 1, 2, 4])):
            at = self.random.randint(0, len(text))
            kind = self.random.random()
            if kind < 0.4:
                text = text[:at] + self.random.choice(DAMAGE) + text[at:]
            elif kind < 0.6:
                text = text[:at] + self.random.choice(DAMAGE) + text[at + 1:]
            elif kind < 0.8:
                text = text[:at] + text[at + self.random.choice([1, 1, 2, 10]):]
            elif kind < 0.9:
                text = text[:at]
            else:
                other = self.random.randint(0, len(text))
                text = text[:at] + text[min(at, other):max(at, other)] + text[at:]
        deep = self.random.choice([0] * 20 + [1, 60, 127, 128, 129])
        text = b'[' * deep + text + b']' * deep
        return text.replace(b'\n', b' ')

    def tampered(self, signed):
        """The object with one thing changed, in the signature or beside it."""
        changed = dict(signed)
        kind = self.random.random()
        if kind < 0.3:
            changed['tampered'] = 1
        elif kind < 0.5:
            changed['unsigned'] = self.object()
        elif kind < 0.6:
            changed['signatures'] = {}
        else:
            signature = list(changed['signatures']['domain']['ed25519:a_1'])
            at = self.random.randrange(len(signature) - 1)  # the last digit has bits that mean nothing
            signature[at] = self.random.choice('ABCdef012')
            changed['signatures'] = {'domain': {'ed25519:a_1': ''.join(signature)}}
        return changed

    def event(self, version):
        content = {}
        for key in self.random.sample(CONTENT_KEYS, self.random.randint(0, len(CONTENT_KEYS))):
            content[key] = self.object(3) if self.chance(0.3) else self.value(4)
        if self.chance(0.2):
            content['third_party_invite'] = {'display_name': 'x', 'signed': self.object(3)}
        event = {
            'auth_events': [], 'prev_events': [], 'content': content, 'depth': self.random.randint(1, 1000),
            'hashes': {'sha256': self.string()}, 'origin_server_ts': self.random.randint(0, 2**41),
            'room_id': '!room:domain', 'sender': '@user:domain', 'signatures': {'domain': {'ed25519:1': 'x'}},
            'type': self.random.choice(EVENT_TYPES), 'unsigned': {'age': 5},
        }
        for key in self.random.sample(TOP_KEYS, self.random.randint(0, 4)):
            event[key] = self.string() if key in ('state_key', 'redacts') else self.value(4)
        if version.event_format == 1:
            event['event_id'] = '$event:domain'
        if version.identifier == '12' and event['type'] == 'm.room.create':
            event['state_key'] = ''
            del event['room_id']  # none is allowed there; Synapse redacts one away, the specification has no need to
        return event

    def host(self):
        """A server name without a port, of few letters, so that patterns match it now and then."""
        if self.chance(0.2):
            return self.random.choice(['1.2.3.4', '1.2.3.400', '01.2.3.4', '10.0.0.1', '[::1]', '[1::2]', '1.2.3', '1.2.3.4.5'])
        return '.'.join(''.join(self.random.choices('abAB', k=self.random.randint(1, 2)))
                        for _ in range(self.random.randint(1, 3)))

    def acl(self):
        def patterns():
            return [''.join(self.random.choice('*?') if self.chance(0.25) else c for c in self.host())
                    for _ in range(self.random.randint(0, 4))] + ['*'] * self.chance(0.2)
        return {'allow': patterns(), 'deny': patterns(), 'allow_ip_literals': self.chance(0.5)}
