"""Answers for BuildKit's parser.

Each line of the input is a JSON array of Dockerfiles' texts; each line of the output is a JSON array with an answer for
each: {"commands": [...]}, {"rejected": message}, or {"unable": reason} when this wheel cannot say.
"""

import json
import sys

import dockerfile


def answer(text):
    if "\0" in text:
        return {"unable": "the wheel hands texts over as C strings, which end at a NUL"}
    try:
        return {"commands": dockerfile.parse_string(text)}
    except dockerfile.GoParseError as error:
        return {"rejected": str(error)}
    except Exception as error:
        return {"unable": f"{type(error).__name__}: {error}"}


for line in sys.stdin:
    answers = [answer(text) for text in json.loads(line)]
    sys.stdout.write(json.dumps(answers) + "\n")
    sys.stdout.flush()
