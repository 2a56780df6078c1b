"""Publishing the terms that customers agree to."""

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import yaml
from mandates.core.terms import Terms, from_plain
from mandates.moment import Moment
from mandates.store.terms import publish_terms, read_terms
from mandates.store.writing import Conflict

from ops.stack import Stack


def add_commands(commands: Any) -> None:
    actions = commands.add_parser("terms", help="the terms customers agree to").add_subparsers(
        required=True, metavar="ACTION"
    )
    publish = actions.add_parser(
        "publish", help="make a document the current terms; a version is published once"
    )
    publish.add_argument("file", type=Path)
    publish.set_defaults(run=run_publish)


def run_publish(stack: Stack, chosen: argparse.Namespace) -> int:
    """Publish a document, or say that the very same is published already; 1 if it can't be."""
    try:
        terms = load(chosen.file)
    except (OSError, ValueError) as error:
        print(f"{chosen.file} can't be published: {error}", file=sys.stderr)
        return 1
    stack.use_tables()
    try:
        publish_terms(terms, Moment(time.time()))
    except Conflict:
        published = read_terms(terms.version)
        if published is None or published.digest != terms.digest:
            print(
                f"version {terms.version} was published with another text and can't be changed:"
                " give the document a new version",
                file=sys.stderr,
            )
            return 1
        print(f"version {terms.version} is published already")
        return 0
    print(f"published version {terms.version}, digest {terms.digest}")
    return 0


def load(path: Path) -> Terms:
    """Raises OSError, or ValueError that lists everything wrong with the document."""
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise ValueError(f"not YAML: {error}") from None
    if not isinstance(document, dict):
        raise ValueError("not a mapping")
    return from_plain(document)
