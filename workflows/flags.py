"""From the words of a command line to a command: which kind it is, its flags, its help."""

import inspect
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import tyro

from workflows import catalog, console
from workflows.matrix import Matrix

Command = TypeVar("Command")


def with_workflow(kinds: tuple[type[Any], type[Any]], name: str, arguments: list[str]) -> Any | None:
    """Loads the experiment named first, and parses the flags over its fields; None after a bare --help.

    Args:
      kinds: the command of a workflow, and that of a matrix.
      name: of the command.
      arguments: behind it.
    """
    known = {"workflows": {key: catalog.description(key) for key in catalog.MODULES}}
    if not named(f"{name} NAME|FILE.py", kinds[0], arguments, known):
        return None
    experiment = catalog.load(arguments[0])
    if isinstance(experiment, Matrix):
        # Before the flags are parsed, so that what they say holds on a laptop too.
        experiment = experiment.on_laptop() if "--laptop" in arguments else experiment
        return parse(kinds[1], f"{name} {arguments[0]}", arguments[1:], default=kinds[1](workflow=experiment))
    return parse(kinds[0], f"{name} {arguments[0]}", arguments[1:], default=kinds[0](workflow=experiment))


def named(usage: str, command: type, arguments: list[str], known: Mapping[str, Mapping[str, str]]) -> bool:
    """Whether the first word names something; where it does not, says what it may name. False: after a bare --help."""
    if arguments and not arguments[0].startswith("-"):
        return True
    name, what = usage.split()
    print(f"usage: leafworks {usage} [flags]\n\n{_words(command)}\n")
    console.print_list(known)
    print(f"\n`leafworks {name} NAME --help` lists every flag with its default.")
    if arguments and arguments[0] in ("-h", "--help"):
        return False
    raise ValueError(f"which one? The first word after `leafworks {name}` is {what}.")


def parse_frontend(what: str, name: str, arguments: list[str], kinds: tuple[type[Command], Any]) -> Command:
    """Parses as the first kind, or as the second, with a front end's arguments, where `what` is the name of one."""
    saved, initial = kinds
    if what not in catalog.NAMED_FRONTENDS:
        return parse(saved, name, arguments)
    default = initial(config=catalog.NAMED_FRONTENDS[what])
    command: Command = parse(initial, name, arguments, default=default, description=_words(saved))
    return command


def value_of(flag: str, arguments: list[str]) -> str | None:
    """What stands behind a flag, before everything is parsed."""
    for word, following in zip(arguments, [*arguments[1:], ""], strict=True):
        if word == flag or word.startswith(f"{flag}="):
            return following if word == flag else word.removeprefix(f"{flag}=")
    return None


def to_the_end(flag: str, arguments: list[str]) -> list[str]:
    """Gives a flag all that is behind it: words with dashes of their own, which would be taken for other flags."""
    if flag not in arguments[:-1]:
        return arguments
    place = arguments.index(flag)
    return [*arguments[:place], *(f"{flag}={word}" for word in arguments[place + 1 :])]


def parse(
    command: type[Command],
    name: str,
    arguments: list[str],
    default: Command | None = None,
    description: str | None = None,
) -> Command:
    """Every field of the command is a flag; those of `default` have its values as defaults."""
    given: dict[str, Any] = {"description": description, **({} if default is None else {"default": default})}
    flags: Callable[..., Command] = tyro.cli
    return flags(command, prog=f"leafworks {name}", args=arguments, config=(tyro.conf.AvoidSubcommands,), **given)


def _words(command: type) -> str:
    """What a command does, without its flags."""
    return inspect.cleandoc(command.__doc__ or "").split("Attributes:")[0].strip()
