-- The operator looks at once, and then writes the same into status.lastHandledReconcileAt.
local os = require("os")

if obj.metadata.annotations == nil then
  obj.metadata.annotations = {}
end
obj.metadata.annotations["cloudaccess.dev/requestedAt"] = os.date("!%Y-%m-%dT%H:%M:%SZ")
return obj
