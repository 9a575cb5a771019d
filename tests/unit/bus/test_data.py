# SPDX-License-Identifier: LGPL-2.1-or-later
# SPDX-FileCopyrightText: The appctl authors
"""The files in data/: complete, consistent with each other and with the code."""

import ast
import xml.etree.ElementTree as ET

import pytest

from appctld.bus.polkit import ACTIONS
from appctld.bus.wire import schema
from appctld.bus.wire.variants import split
from support.buses.bus import JOB, MANAGER, NAME
from support.buses.bus_service import INTERFACES

DATA = INTERFACES.parent
DAEMON = DATA.parent / "daemon" / "appctld"
OWNER = "org.freedesktop.policykit.owner"
DEFAULTS = {
    "yes": {"update", "refresh"},
    "auth_admin_keep": {"install", "uninstall", "rollback", "approve", "prune", "repair"},
    "auth_admin": {"modify-remote", "allow-downgrade", "set-policy"},
}


def policy() -> dict[str, ET.Element]:
    root = ET.fromstring((DATA / "polkit" / f"{NAME}.policy").read_text("utf-8"))  # noqa: S314 - our own
    return {action.attrib["id"].removeprefix(f"{NAME}."): action for action in root.iter("action")}


def test_the_policy_has_every_action_that_the_daemon_asks_for() -> None:
    assert policy().keys() == ACTIONS


@pytest.mark.parametrize("name", sorted(ACTIONS))
def test_an_action_is_owned_by_the_daemons_user_and_only_active_sessions_go_unasked(name: str) -> None:
    action = policy()[name]
    assert [item.text for item in action.iter("annotate") if item.get("key") == OWNER] == ["unix-user:appctl"]
    assert {item.text for tag in ("allow_any", "allow_inactive") for item in action.iter(tag)} == {
        "auth_admin"
    }
    active = next(action.iter("allow_active")).text
    assert active is not None
    assert name in DEFAULTS[active]
    assert next(action.iter("message")).text


def test_only_user_appctl_owns_the_name_on_the_system_bus() -> None:
    root = ET.fromstring((INTERFACES / f"{NAME}.conf").read_text("utf-8"))  # noqa: S314 - our own
    owners = [
        (policy.get("user"), policy.get("context"))
        for policy in root.iter("policy")
        for rule in policy.iter("allow")
        if rule.get("own")
    ]
    assert owners == [("appctl", None)]


@pytest.mark.parametrize(("name", "scope"), [("session", "--user"), ("system", "--system")])
def test_a_service_file_starts_the_daemon_of_its_scope(name: str, scope: str) -> None:
    lines = (INTERFACES / f"{name}.service.in").read_text("utf-8").splitlines()
    assert f"Name={NAME}" in lines
    assert f"Exec=@BINDIR@/appctld {scope}" in lines
    assert ("User=appctl" in lines) == (name == "system")


def test_every_argument_has_a_name_and_every_dictionary_its_keys() -> None:
    found: set[str] = set()
    for interface in schema.load(INTERFACES).values():
        for method in interface.methods.values():
            found |= {f"{method.name}.{arg.name}" for arg in (*method.ins, *method.outs) if lacks_keys(arg)}
        for signal in interface.signals.values():
            found |= {f"{signal.name}.{arg.name}" for arg in signal.args if lacks_keys(arg)}
        found |= {item.name for item in interface.properties.values() if lacks_keys(item)}
    assert found == {"RemoveRemote.options", "Cancel.options"}  # they have none yet


def lacks_keys(item: schema.Arg | schema.Property) -> bool:
    return "{" in item.signature and not item.keys


def test_every_key_has_a_type_and_inner_keys_have_an_outer() -> None:
    for interface in schema.load(INTERFACES).values():
        tables = [item.keys for item in interface.properties.values()]
        tables += [arg.keys for method in interface.methods.values() for arg in (*method.ins, *method.outs)]
        for keys in tables:
            for key, types in keys.items():
                assert all(list(split(kind)) == [kind] for kind in types), key
                outer = key.rpartition("/")[0]
                assert not outer or keys[outer][0] in {"a{sv}", "aa{sv}"}, key


def test_key_tables_are_shared_where_the_xml_says_so() -> None:
    interfaces = schema.load(INTERFACES)
    result = interfaces[JOB].properties["Result"].keys
    assert interfaces[MANAGER].signals["JobFinished"].args[4].keys == result
    listed = interfaces[MANAGER].methods["List"].outs[0].keys
    assert {f"apps/{key}" for key in listed} < set(result)


def test_a_login_is_described_once_and_the_same_wherever_it_is_given() -> None:
    interfaces = schema.load(INTERFACES)
    login = interfaces[JOB].methods["Provide"].ins[0].keys
    assert {"host", "username", "password", "identity-token"} == login.keys()
    tables = [arg.keys for method in interfaces[MANAGER].methods.values() for arg in method.ins]
    given = [keys for keys in tables if "registry-auth" in keys]
    assert len(given) > 1
    for keys in given:
        assert {f"registry-auth/{key}": types for key, types in login.items()}.items() <= keys.items()
    assert f"{schema.KEY}registry-auth/" not in interfaces[MANAGER].text


def test_every_member_of_the_manager_is_explained() -> None:
    text = (INTERFACES / f"{NAME}.xml").read_text("utf-8")
    manager = schema.load(INTERFACES)[MANAGER]
    for name in [*manager.methods, *manager.signals]:
        assert f"<!-- {name}: " in text


REMOTES = {"AddRemote", "ModifyRemote"}  # their keys are those of remotes.d: config/ reads them
NOT_READ = {"or-update": "accepted, and changes nothing"}


def declared_options() -> set[str]:
    """Every key of a dictionary that a caller gives, apart from a remote's settings."""
    return {
        key.rpartition("/")[2]
        for interface in schema.load(INTERFACES).values()
        for method in interface.methods.values()
        for arg in method.ins
        for key in arg.keys
        if method.name not in REMOTES
    }


def constant(node: ast.expr | None) -> set[str]:
    return {node.value} if isinstance(node, ast.Constant) and isinstance(node.value, str) else set()


def read_options(tree: ast.AST) -> set[str]:
    """Keys that code takes from `options`, itself or by requests.py's functions."""
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name("options") | ast.Attribute(attr="options"), attr="get"),
                args=[key, *_],
            ):
                found |= constant(key)
            case ast.Subscript(value=ast.Name("options") | ast.Attribute(attr="options"), slice=key):
                found |= constant(key)
            case ast.Compare(left=key, ops=[ast.In()], comparators=[ast.Name("options")]):
                found |= constant(key)
            case ast.Call(func=ast.Name("flag" | "text" | "texts"), args=[ast.Name(), key]):
                found |= constant(key)
    return found


def test_the_daemon_reads_no_option_that_the_xml_does_not_declare() -> None:
    sources = [path for room in ("bus", "jobs") for path in (DAEMON / room).rglob("*.py")]
    read = {str(path): read_options(ast.parse(path.read_text("utf-8"))) for path in sources}
    assert {"remote", "limit", "registry-auth", "bundle"} <= set().union(*read.values())
    declared = declared_options()
    assert {name: keys - declared for name, keys in read.items() if keys - declared} == {}


def test_every_option_that_the_xml_declares_is_read_somewhere() -> None:
    sources = [path for room in ("bus", "jobs") for path in (DAEMON / room).rglob("*.py")]
    words = {
        node.value
        for path in sources
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert declared_options() - words == set(NOT_READ)
