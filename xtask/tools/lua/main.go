// Runs a Lua script about a Kubernetes object as Argo CD does: with the same interpreter, and with the libraries that it
// opens for scripts in its ConfigMap, which are few. The object is read from stdin and the result printed, both as JSON.
//
//	lua SCRIPT < OBJECT
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	lua "github.com/yuin/gopher-lua"
	luajson "layeh.com/gopher-json"
)

// Argo CD stops a script that takes longer.
const patience = time.Second

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) != 2 {
		return fmt.Errorf("usage: lua SCRIPT < OBJECT")
	}
	script, err := os.ReadFile(os.Args[1])
	if err != nil {
		return err
	}
	var object any
	if err := json.NewDecoder(os.Stdin).Decode(&object); err != nil {
		return fmt.Errorf("the object: %w", err)
	}
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	if err := open(state); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	state.SetContext(ctx)
	state.SetGlobal("obj", value(state, object))
	if err := state.DoString(string(script)); err != nil {
		return err
	}
	result := state.Get(-1)
	if result.Type() != lua.LTTable {
		return fmt.Errorf("the script returned %s in place of a table", result.Type())
	}
	printed, err := luajson.Encode(result)
	if err != nil {
		return err
	}
	_, err = fmt.Println(string(printed))
	return err
}

// open loads the libraries: of "os" only what tells the time, and only by require.
func open(state *lua.LState) error {
	libraries := []struct {
		name string
		open lua.LGFunction
	}{{lua.LoadLibName, lua.OpenPackage}, {lua.BaseLibName, lua.OpenBase}, {lua.TabLibName, lua.OpenTable}}
	for _, library := range libraries {
		call := lua.P{Fn: state.NewFunction(library.open), Protect: true}
		if err := state.CallByParam(call, lua.LString(library.name)); err != nil {
			return err
		}
	}
	state.PreloadModule(lua.OsLibName, func(state *lua.LState) int {
		lua.OpenOs(state)
		all := state.CheckTable(-1)
		some := state.NewTable()
		for _, name := range []string{"time", "date"} {
			some.RawSetString(name, all.RawGetString(name))
		}
		state.SetGlobal(lua.OsLibName, lua.LNil)
		state.Push(some)
		return 1
	})
	return nil
}

// value is what Lua sees of JSON: null is absent.
func value(state *lua.LState, from any) lua.LValue {
	switch from := from.(type) {
	case bool:
		return lua.LBool(from)
	case float64:
		return lua.LNumber(from)
	case string:
		return lua.LString(from)
	case []any:
		list := state.CreateTable(len(from), 0)
		for _, item := range from {
			list.Append(value(state, item))
		}
		return list
	case map[string]any:
		table := state.CreateTable(0, len(from))
		for key, item := range from {
			table.RawSetString(key, value(state, item))
		}
		return table
	default:
		return lua.LNil
	}
}
