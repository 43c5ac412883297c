"""Configuration templates: `{{name}}` stands for a value. One door: `fill`."""

import re

PLACE = re.compile(r"\{\{(\w+)\}\}")


def fill(text, values):
    """The text with every place filled. A place without a value is a KeyError: no peer runs on half a configuration."""
    return PLACE.sub(lambda place: str(values[place[1]]), text)
