-- SPDX-License-Identifier: Apache-2.0
-- Healthy once the test has passed, Degraded once it has failed: nothing is retried. Progressing until then.
local status = obj.status or {}
local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end

local function health(word, condition)
  return {status = word, message = condition.reason .. ": " .. condition.message}
end

local ready = conditions["Ready"]
if ready == nil then
  return {status = "Progressing", message = "Waiting for the operator to start the test"}
end
if ready.status == "True" then
  return health("Healthy", ready)
end
if ready.status == "False" then
  return health("Degraded", ready)
end
return health("Progressing", ready)
