-- The status follows kstatus: Ready is always there, Reconciling and Stalled only while they are True, and
-- observedGeneration says which spec they are about. An object that is being deleted is Progressing without this script.
local conditions = {}
if obj.status ~= nil then
  for _, condition in ipairs(obj.status.conditions or {}) do
    conditions[condition.type] = condition
  end
end

local function holds(type_)
  return conditions[type_] ~= nil and conditions[type_].status == "True"
end

local hs = {}
local ready = conditions["Ready"]
if ready == nil or obj.status.observedGeneration ~= obj.metadata.generation then
  hs.status = "Progressing"
  hs.message = "the operator has not looked at it yet"
  return hs
end

hs.message = ready.reason .. ": " .. ready.message
if holds("Stalled") then
  hs.status = "Degraded"
elseif ready.reason == "Suspended" and not (holds("Ready") and holds("Held")) then
  -- It waits for whoever suspended it. One whose access is there stays Healthy: for a Suspended object a sync would wait.
  hs.status = "Suspended"
elseif holds("Ready") then
  hs.status = "Healthy"
else
  hs.status = "Progressing"
end
return hs
