"""The disagreements that are known and meant; README.md says why."""

NUMBERS = ["users_default", "events_default", "state_default", "ban", "redact", "kick", "invite"]
MAPS = ["users", "events", "notifications"]


def is_readable(value):
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return False
    try:
        int(value)
        return True
    except ValueError:
        return False


def has_unreadable_level(content):
    values = [content[k] for k in NUMBERS if k in content]
    for name in MAPS:
        held = content.get(name, {})
        if not isinstance(held, dict):
            return True
        values += held.values()
    return not all(map(is_readable, values))


def is_power_levels(pdu):
    return pdu["type"] == "m.room.power_levels"


def keep_out(room, pdu):
    """Events that both may allow, and after which Synapse cannot answer or answers otherwise by design."""
    return is_power_levels(pdu) and (has_unreadable_level(pdu["content"]) or pdu["state_key"] != "")


def why(room, pdu, ours, theirs):
    """The name of the section of README.md that explains why the verdicts differ; None: nothing does."""
    allowed_by_them = theirs == ""
    if is_power_levels(pdu) and allowed_by_them and pdu["state_key"] != "":
        return "power levels under another state key"
    if is_power_levels(pdu) and allowed_by_them and has_unreadable_level(pdu["content"]):
        return "unreadable power levels"
    if pdu["type"] == "m.room.member" and theirs == "This room has been marked as unfederatable.":
        return "the federation flag and the target"
    if pdu["type"] == "m.room.redaction" and allowed_by_them and room.number <= 2 and "redacts" not in pdu:
        return "redactions of nothing"
    if theirs == "KeyError: 'token'":
        return "third-party invites without a token"
    return None
