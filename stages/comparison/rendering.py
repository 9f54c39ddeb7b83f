"""The pages' templates: what users name is escaped, as HTML or as Markdown needs it."""

import re
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from stages.comparison.wording import in_words, p_value


def render(template: str, **context: Any) -> str:
    """Fill in one of the templates, named *.html.j2 or *.md.j2."""
    is_html = template.endswith(".html.j2")
    environment = Environment(
        loader=PackageLoader("stages.comparison"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=is_html,
        finalize=None if is_html else _for_markdown,
    )
    environment.filters["p_value"] = p_value
    environment.filters["in_words"] = in_words
    environment.filters["share"] = lambda share: f"{share:.4f}"
    environment.filters["signed"] = lambda share: f"{share:+.4f}"
    environment.filters["count"] = lambda n: f"{n:,}"
    environment.filters["percent"] = lambda share: f"{100 * share:.1f} %"
    return environment.get_template(template).render(**context)


def _for_markdown(value: Any) -> Any:
    """A value as text that stays text in a table: no mark-up, no line break, no HTML."""
    if isinstance(value, Markup):
        return value
    text = " ".join(str(value).split()).replace("&", "&amp;")
    return Markup(re.sub(r"([\\`*_{}\[\]<>#|~$])", r"\\\1", text))
