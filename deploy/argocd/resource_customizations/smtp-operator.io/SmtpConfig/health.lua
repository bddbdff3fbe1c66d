-- SPDX-License-Identifier: Apache-2.0
-- As kstatus reads the conditions, but for two that Argo CD has words for: one that is suspended before any
-- verdict is Suspended, and one that had worked and now fails is Degraded, though it is tried again.
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
if reconciling ~= nil and reconciling.status ~= "True" then
  reconciling = nil
end

-- A verdict on another spec than the one that is there is no verdict.
if ready == nil or status.observedGeneration ~= obj.metadata.generation then
  if reconciling ~= nil and reconciling.observedGeneration == obj.metadata.generation then
    return health("Progressing", reconciling)
  end
  return {status = "Progressing", message = "Waiting for the operator's verdict on this spec"}
end

if ready.status == "True" then
  if reconciling ~= nil then
    return health("Progressing", reconciling)
  end
  return health("Healthy", ready)
end

if ready.status == "False" then
  if reconciling ~= nil then
    if reconciling.reason ~= "ProgressingWithRetry" or status.lastSuccessTime == nil then
      return health("Progressing", ready)
    end
  end
  return health("Degraded", ready)
end

if ready.reason == "Suspended" then
  return health("Suspended", ready)
end
return health("Progressing", ready)
