# SPDX-License-Identifier: Apache-2.0
"""Python's JSON parser, narrowed to what Hearth's parser promises to take."""
import json
import math
import re

DEPTH_MAX = 128
INT_MIN, INT_MAX = -(2**63), 2**63 - 1


class Refused(Exception):
    pass


def _object(pairs):
    value = dict(pairs)
    if len(value) != len(pairs):
        raise Refused("duplicate key")
    return value


def _constant(name):
    raise Refused(name)


def _int(text):
    number = int(text)
    if not INT_MIN <= number <= INT_MAX:
        raise Refused("integer out of range")
    return number


def _float(text):
    number = float(text)
    if not math.isfinite(number):
        raise Refused("number out of range")
    return number


def _check(value, depth=0):
    if isinstance(value, str) and re.search("[\ud800-\udfff]", value):
        raise Refused("lone surrogate")
    if isinstance(value, (dict, list)):
        if depth == DEPTH_MAX:
            raise Refused("too deep")
        for item in value:
            _check(item, depth + 1)
        if isinstance(value, dict):
            for item in value.values():
                _check(item, depth + 1)


def parse_strictly(text):
    """The value of the bytes, or Refused."""
    try:
        value = json.loads(text.decode("utf-8"), object_pairs_hook=_object, parse_constant=_constant,
                           parse_int=_int, parse_float=_float)
    except (ValueError, RecursionError) as error:
        raise Refused(str(error)) from error
    _check(value)
    return value
