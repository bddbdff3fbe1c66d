-- SPDX-License-Identifier: Apache-2.0
local actions = {}
actions["test"] = {
  ["disabled"] = false,
  ["displayName"] = "Test now",
  ["iconClass"] = "fa fa-fw fa-paper-plane"
}
return actions
