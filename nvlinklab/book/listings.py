"""Code listings with no more elements than they need: most words of a program have the colour of plain text."""

import re

_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_COLOUR = re.compile(r"(?:^|})\s*(?P<theme>[^{}]*?)\s*\.highlight(?:\s+\.(?P<kind>\w+))?\s*\{(?P<rules>[^{}]*)(?=})")
_LISTING = re.compile(r'(<div class="highlight"><pre[^>]*>)(.*?)(</pre>)', re.DOTALL)
_TOKEN = re.compile(r'<span class="(\w+)">([^<]*)</span>')
_TWINS = re.compile(r'<span class="(\w+)">([^<]*)</span>(?:<span class="\1">[^<]*</span>)+')


def plain(css: str) -> frozenset[str]:
    """Return the kinds of tokens that a style sheet of Pygments draws, in each of its themes, like the text around them.

    >>> sorted(plain(".highlight { background: #fff; color: #008 } /* . */ .highlight .p { color: #008 } .highlight .k { color: #63C }"))
    ['p']
    """
    text, tokens = {}, {}
    for match in _COLOUR.finditer(_COMMENT.sub("", css)):
        rules = {k.strip(): v.strip().lower() for k, _, v in (rule.partition(":") for rule in match["rules"].split(";")) if k.strip()}
        if match["kind"]:
            tokens.setdefault(match["kind"], {})[match["theme"]] = rules
        else:
            text[match["theme"]] = {"color": rules.get("color")}
    return frozenset(kind for kind, rules in tokens.items() if rules == text)


def lighter(page: str, kinds: frozenset[str]) -> str:
    """Return a page whose listings mark no token of these kinds, and neighbours of one kind together; their text is the same.

    >>> code = '<span class="n">a</span><span class="p">,</span> <span class="s2">"</span><span class="s2">b</span>'
    >>> lighter(f'<div class="highlight"><pre>{code}</pre></div>', frozenset({"n", "p"}))
    '<div class="highlight"><pre>a, <span class="s2">"b</span></pre></div>'
    """

    def token(match: re.Match[str]) -> str:
        return match[2] if match[1] in kinds else match[0]

    def twins(match: re.Match[str]) -> str:
        return f'<span class="{match[1]}">{"".join(words for _, words in _TOKEN.findall(match[0]))}</span>'

    return _LISTING.sub(lambda m: m[1] + _TWINS.sub(twins, _TOKEN.sub(token, m[2])) + m[3], page)
