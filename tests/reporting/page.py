"""A report taken apart by an HTML parser."""

import json
from html.parser import HTMLParser

from elbowroom.reporting import write_report

#: Elements without an end tag.
VOID = {"meta", "img", "br", "link", "input", "hr"}


#: Attributes that make a browser fetch something.
FETCHES = {"src", "srcset", "href", "action", "data", "poster", "background", "formaction", "xlink:href"}


class HtmlPage(HTMLParser):
    """A parsed page: what it would fetch, its texts by element; fails if an element is not closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.fetched, self.tags, self.ids, self.texts, self.handlers = [], [], [], [], {}, []
        self.policy = ""
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        for name, value in attributes:
            if name in FETCHES:
                self.fetched.append(value)
            if name == "id":
                self.ids.append(value)
            if name.startswith("on"):
                self.handlers.append(name)
        if ("http-equiv", "Content-Security-Policy") in attributes:
            self.policy = dict(attributes)["content"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        assert self.open, tag
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.setdefault(self.open[-1] if self.open else "", []).append(data)

    @property
    def data(self):
        return json.loads(next(text for text in self.texts["script"] if text.startswith('{"charts"')))

    @property
    def words(self):
        return " ".join(" ".join(texts) for tag, texts in self.texts.items() if tag not in ("script", "style"))


def read_report(run, *args, **settings):
    """Write the report of a run on 40 examples, and parse it."""
    return HtmlPage(write_report(run, *args, **{"examples": 40} | settings).read_text(encoding="utf-8"))
