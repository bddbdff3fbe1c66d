# SPDX-License-Identifier: Apache-2.0
"""Lua as in Argo CD: no files, no programs, and the clock only by `require("os")`."""

from typing import Any

from lupa import lua51

Json = dict[str, Any]

_SANDBOX = """
    local time, date = os.time, os.date
    local hidden = {"io", "os", "debug", "package", "dofile", "loadfile", "module", "arg", "python"}
    for _, name in ipairs(hidden) do
        _G[name] = nil
    end
    require = function(name)
        if name == "os" then return {time = time, date = date} end
        error("there is no module " .. name)
    end
"""


def run(script: str, object_: Json) -> Json:
    """Return the result of the script for the object.

    Raises:
        lupa.LuaError: the script fails, or returns no table.
    """
    lua = lua51.LuaRuntime(unpack_returned_tuples=True)
    lua.execute(_SANDBOX)
    lua.globals()["obj"] = lua.table_from(_without_nulls(object_), recursive=True)
    returned = lua.execute(script)
    if lua51.lua_type(returned) != "table":
        raise lua51.LuaError("the script returns no table")
    plain = _plain(returned)
    assert isinstance(plain, dict)
    return plain


def _without_nulls(value: Any) -> Any:
    """Remove nulls, which tables in Lua cannot have."""
    if isinstance(value, dict):
        return {key: _without_nulls(child) for key, child in value.items() if child is not None}
    if isinstance(value, list):
        return [_without_nulls(child) for child in value]
    return value


def _plain(value: Any) -> Any:
    if lua51.lua_type(value) != "table":
        return value
    items = dict(value.items())
    if items and set(items) == set(range(1, len(items) + 1)):
        return [_plain(items[i]) for i in range(1, len(items) + 1)]
    return {str(key): _plain(child) for key, child in items.items()}
