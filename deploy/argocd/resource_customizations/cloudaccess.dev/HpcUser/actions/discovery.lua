local suspended = obj.spec.suspend == true

local actions = {}
actions["reconcile"] = {["iconClass"] = "fa fa-fw fa-redo", ["disabled"] = false}
actions["resume"] = {["iconClass"] = "fa fa-fw fa-play", ["disabled"] = not suspended}
actions["suspend"] = {["iconClass"] = "fa fa-fw fa-pause", ["disabled"] = suspended}
return actions
