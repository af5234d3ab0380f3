# Answers a line of JSON, an operation and its arguments, by a line of JSON: what Python makes
# of it. The tests of this folder compare what Go makes of it.
import configparser
import fnmatch
import json
import shlex
import sys


def config(*texts):
    parser = configparser.RawConfigParser(inline_comment_prefixes=(";", "#"), strict=False)
    bad = []
    for text in texts:
        try:
            text.encode()
            # As a file that is opened as text, whose lines end in whatever has ended them.
            text = text.replace("\r\n", "\n").replace("\r", "\n")
            parser.read_string(text, "f")
        except configparser.MissingSectionHeaderError as error:
            bad.append(["none", error.lineno])
            return {"bad": bad}
        except configparser.ParsingError as error:
            bad.extend(["line", number] for number, line in error.errors)
    if bad:
        return {"bad": bad}
    return {
        "sections": [[name, [[key, parser.get(name, key)] for key in parser.options(name)]] for name in parser.sections()]
    }


def expand(text, names):
    return text % names


def words(text):
    return shlex.split(text)


def pairs(text):
    lexer = shlex.shlex(text)
    lexer.wordchars += "/.+-():"
    tokens = list(lexer)
    found = {}
    for i in range(0, len(tokens), 4):
        three = tokens[i : i + 3]
        if len(three) != 3 or three[1] != "=":
            raise ValueError("Unexpected end of key/value pairs in value '%s'" % text)
        found[three[0]] = three[2].strip("'\"")
    return list(found.items())


def match(pattern, names):
    return [name for name in names if fnmatch.fnmatchcase(name, pattern)]


operations = {
    "config": config,
    "expand": expand,
    "words": words,
    "pairs": pairs,
    "int": lambda text, base: int(text, base),
    "repr": repr,
    "match": match,
}

for line in sys.stdin:
    operation, *arguments = json.loads(line)
    try:
        answer = {"is": operations[operation](*arguments)}
    except Exception as error:
        answer = {"error": str(error), "kind": type(error).__name__}
    print(json.dumps(answer), flush=True)
