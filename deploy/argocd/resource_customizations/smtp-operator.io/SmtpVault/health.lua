-- SPDX-License-Identifier: Apache-2.0
-- Degraded as soon as the operator cannot log in to the vault, though it tries again: nobody reads a password
-- through it until then. Progressing while what it names may still arrive.
local status = obj.status or {}
local conditions = {}
for _, condition in ipairs(status.conditions or {}) do
  conditions[condition.type] = condition
end

local function health(word, condition)
  return {status = word, message = condition.reason .. ": " .. condition.message}
end

local ready = conditions["Ready"]
local reconciling = conditions["Reconciling"]

-- A verdict on another spec than the one that is there is no verdict.
if ready == nil or status.observedGeneration ~= obj.metadata.generation then
  return {status = "Progressing", message = "Waiting for the operator's verdict on this spec"}
end

if ready.status == "True" then
  return health("Healthy", ready)
end
if ready.status == "False" then
  if reconciling ~= nil and reconciling.status == "True" and reconciling.reason ~= "ProgressingWithRetry" then
    return health("Progressing", ready)
  end
  return health("Degraded", ready)
end
return health("Progressing", ready)
