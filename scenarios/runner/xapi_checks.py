"""What scenarios say of the xAPI, checked against the node table while they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, cast

from endpoint.wire.errors import LocalProtocolError
from endpoint.wire.xapi.nodes import Branch, Nodes, ValueSpace
from endpoint.wire.xapi.paths import parse_path
from endpoint.wire.xapi.rows import Argument, Command, EventNode
from scenarios.runner.cloud_verbs import CloudCommand, ConfigPush
from scenarios.runner.problems import Place, Problems, nearest
from scenarios.runner.values import Template
from scenarios.runner.verbs import Verb
from scenarios.runner.xapi_verbs import Subscribe, XCommand, XConfig
from scenarios.runner.xpaths import PREFIX, Path, check_path, check_setting, fold, node_name, read_path, show_path
from scenarios.runner.yamltree import Entry, Mapping, Node, Scalar, Sequence, kind_of, plain

SUBSCRIBED: Final[tuple[Branch, ...]] = ("Status", "Configuration", "Event")
"""The branches that a client can listen to."""


def check_verb(args: Verb, arranged: Node, table: Nodes, problems: Problems) -> None:
    """Check what a verb says of the xAPI; most say nothing of it."""
    check = _CHECKS.get(type(args))
    if check is not None and isinstance(arranged, Mapping):
        check(arranged, table, problems)


# configurations


def check_configuration(entry: Entry, table: Nodes, problems: Problems) -> None:
    """Check that a configuration exists and can have its value."""
    try:
        path = read_path(entry.key)
    except ValueError as error:
        problems.add(entry.at, str(error))
        return
    wrong = check_path("Configuration", path, table)
    if wrong is not None:
        problems.add(entry.at, *wrong)
        return
    objection = check_setting(path, plain(entry.node), table)
    if objection is not None:
        problems.add(entry.node.at, objection)


def _configurations(arranged: Mapping, table: Nodes, problems: Problems) -> None:
    values = arranged.get("values")
    for entry in values.node.entries if values is not None and isinstance(values.node, Mapping) else ():
        check_configuration(entry, table, problems)


# commands


def _command(arranged: Mapping, table: Nodes, problems: Problems) -> None:
    path = arranged.get("path")
    assert path is not None, "it is required"
    text = str(plain(path.node))
    command = _find_command(text, table)
    if command is None:
        problems.add(path.node.at, f"`{text}` is no xCommand of {table.title}", nearest(text, table.paths("Command")))
        return
    args, body = arranged.get("args"), arranged.get("body")
    given = args.node.entries if args is not None and isinstance(args.node, Mapping) else ()
    for entry in given:
        _argument(command, entry, problems)
    named = {entry.key.casefold() for entry in given}
    for parameter in command.arguments:
        if parameter.required and parameter.name.casefold() not in named:
            place = path.node.at if args is None else args.node.at
            problems.add(place, f"`{command.path}` needs `{parameter.name}`: {parameter.space.describe()}")
    if body is not None and not command.multiline:
        problems.add(body.at, f"`{command.path}` takes no body")


def _find_command(text: str, table: Nodes) -> Command | None:
    try:
        return table.command(parse_path(text))
    except LocalProtocolError:
        return None


def _argument(command: Command, entry: Entry, problems: Problems) -> None:
    parameter = command.argument(entry.key)
    if parameter is None:
        names = [known.name for known in command.arguments]
        if not names:
            problems.add(entry.at, f"`{command.path}` takes no arguments")
        else:
            problems.unknown(entry.at, f"`{command.path}` has no argument `{entry.key}`", entry.key, names)
        return
    nodes = entry.node.items if isinstance(entry.node, Sequence) else (entry.node,)
    if len(nodes) > parameter.many or not nodes:
        problems.add(entry.node.at, f"`{parameter.name}` takes {_how_many(parameter)}, not {len(nodes)}")
    for node in nodes:
        check_value(parameter.name, parameter.space, node, problems)


def _how_many(parameter: Argument) -> str:
    return "one value" if parameter.many == 1 else f"1 to {parameter.many} values"


def check_value(name: str, space: ValueSpace, node: Node, problems: Problems) -> None:
    """Check that a value can be one of a space; what only the run knows is checked then."""
    value = plain(node)
    if isinstance(value, Template):
        return
    if not isinstance(value, (str, int)):
        problems.add(node.at, f"`{name}`: write text or a whole number, not {kind_of(node)}")
        return
    try:
        space.accept(value)
    except LocalProtocolError as error:
        problems.add(node.at, f"`{name}`: {error}", nearest(str(value), space.literals))


# events


def check_event(entry: Entry, table: Nodes, problems: Problems) -> EventNode | None:
    """Return the event of a key; None when there is none, which is a problem then."""
    try:
        event = table.event(parse_path(entry.key))
    except LocalProtocolError:
        event = None
    if event is None:
        message = f"`{entry.key}` is no {PREFIX['Event']} path of {table.title}"
        problems.add(entry.at, message, nearest(entry.key, table.paths("Event")))
    return event


def check_field(event: EventNode, entry: Entry, literals: Iterable[Scalar], problems: Problems) -> None:
    """Check that an event has a field, and that the field can be what it is compared with."""
    names = {field.name.replace("[n]", "").split(" ")[0]: field for field in event.fields}
    head, _, deeper = entry.key.partition(".")
    field = names.get(head)
    if field is None:
        if names:
            problems.unknown(entry.at, f"`{event.path}` has no field `{entry.key}`", entry.key, names)
        else:
            problems.add(entry.at, f"`{event.path}` has no fields")
        return
    if deeper or " " in field.name or "[" in field.name:
        return
    for scalar in literals:
        _field_literal(event.path, head, field.space, scalar, problems)


def _field_literal(event: str, name: str, space: ValueSpace, scalar: Scalar, problems: Problems) -> None:
    value = scalar.value
    if space.kind == "literal" and isinstance(value, str) and value not in space.literals:
        message = f"`{name}` of `{event}` is never `{value}`; it is one of {', '.join(space.literals)}"
        problems.add(scalar.at, message, nearest(value, space.literals))
    elif space.kind == "integer" and isinstance(value, str):
        problems.add(scalar.at, f"`{name}` of `{event}` is a number, not text")


# subscriptions


def _subscriptions(arranged: Mapping, table: Nodes, problems: Problems) -> None:
    paths = arranged.get("paths")
    for node in paths.node.items if paths is not None and isinstance(paths.node, Sequence) else ():
        check_subscription(str(plain(node)), node.at, table, problems)


def subscription_key(text: str) -> str:
    """Return the form under which subscriptions are compared; the text itself when it is no path."""
    try:
        return fold(read_path(text))
    except ValueError:
        return text


def branch_of(path: Path) -> Branch | None:
    """Return the branch that a path begins with, None where it does not begin with one that can be listened to."""
    return next((name for name in SUBSCRIBED if path and name.casefold() == path[0].name.casefold()), None)


def check_subscription(text: str, at: Place, table: Nodes, problems: Problems) -> bool:
    """Check that there is something at or below a path that begins with its branch; False when there is not."""
    try:
        path = read_path(text)
    except ValueError as error:
        problems.add(at, str(error))
        return False
    branch = branch_of(path)
    if branch is None or path[0].element is not None:
        message = f"a subscription begins with {', '.join(SUBSCRIBED)}, as in Status Audio Volume"
        problems.add(at, f"{message}, not with `{path[0].name}`")
        return False
    wrong = _check_below(branch, path[1:], table)
    if wrong is not None:
        problems.add(at, *wrong)
    return wrong is None


def _check_below(branch: Branch, path: Path, table: Nodes) -> tuple[str, str | None] | None:
    if not path:
        return None
    known: dict[str, str] = {}
    for text in table.paths(branch):
        words = text.split(" ")
        for count in range(1, len(words) + 1):
            above = " ".join(words[:count])
            known.setdefault(above.casefold(), above)
            known.setdefault(above.removesuffix("[n]").casefold(), above.removesuffix("[n]"))
    wanted = node_name(path)
    if wanted.casefold() in known:
        return None
    near = nearest(wanted, known.values())
    shown = None if near is None else f"{branch} {near.replace('[n]', '[*]')}"
    return f"`{show_path(path)}` is no path of {PREFIX[branch]}, nor above one, of {table.title}", shown


_CHECKS: Final = cast(
    "dict[type[Verb], Callable[[Mapping, Nodes, Problems], None]]",
    {
        XCommand: _command,
        CloudCommand: _command,
        XConfig: _configurations,
        ConfigPush: _configurations,
        Subscribe: _subscriptions,
    },
)
