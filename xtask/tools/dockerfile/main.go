// Reads a folder's Dockerfile and .dockerignore with BuildKit's own code, and asks no registry. Fails with what its lint finds;
// else it prints as JSON what comes of the image for each platform, and which files a build can see.
//
//	dockerfile FOLDER PLATFORM...
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/containerd/platforms"
	"github.com/moby/buildkit/client/llb/sourceresolver"
	"github.com/moby/buildkit/frontend/dockerfile/dockerfile2llb"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/patternmatcher/ignorefile"
	"github.com/opencontainers/go-digest"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/tonistiigi/fsutil"
)

type report struct {
	// The configuration of the image, by platform.
	Images map[string]ocispecs.ImageConfig `json:"images"`
	// The files that a build can see.
	Context []string `json:"context"`
}

// Stands in for a registry: every image is there, and says nothing about itself.
type anyImage struct{}

func (anyImage) ResolveImageConfig(_ context.Context, ref string, opt sourceresolver.Opt) (string, digest.Digest, []byte, error) {
	image := ocispecs.Image{Platform: *opt.ImageOpt.Platform}
	config, err := json.Marshal(image)
	return ref, digest.FromBytes(config), config, err
}

func main() {
	if len(os.Args) < 3 {
		fail(errors.New("usage: dockerfile FOLDER PLATFORM..."))
	}
	made, err := examine(os.Args[1], os.Args[2:])
	if err != nil {
		fail(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(made); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func examine(folder string, names []string) (*report, error) {
	made := &report{Images: map[string]ocispecs.ImageConfig{}}
	text, err := os.ReadFile(filepath.Join(folder, "Dockerfile"))
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		platform, err := platforms.Parse(name)
		if err != nil {
			return nil, err
		}
		var warnings []error
		warn := func(rule, _, _, message string, lines []parser.Range) {
			warnings = append(warnings, fmt.Errorf("%s%s: %s", rule, at(lines), message))
		}
		options := dockerfile2llb.ConvertOpt{
			TargetPlatform: &platform, MetaResolver: anyImage{}, Warn: warn, AllStages: true,
		}
		converted, err := dockerfile2llb.Dockerfile2LLB(context.Background(), text, options)
		// Told instead of the error that they may cause, which only counts them.
		if warned := errors.Join(warnings...); warned != nil {
			err = warned
		}
		if err != nil {
			return nil, fmt.Errorf("for %s: %w", name, err)
		}
		made.Images[name] = converted.Image.Config.ImageConfig
	}
	made.Context, err = visible(folder)
	return made, err
}

func at(lines []parser.Range) string {
	if len(lines) == 0 {
		return ""
	}
	return fmt.Sprintf(" at line %d", lines[0].Start.Line)
}

// What a client sends to the builder.
func visible(folder string) ([]string, error) {
	ignore, err := os.Open(filepath.Join(folder, ".dockerignore"))
	if err != nil {
		return nil, err
	}
	defer ignore.Close()
	patterns, err := ignorefile.ReadAll(ignore)
	if err != nil {
		return nil, err
	}
	files := []string{}
	walk := func(path string, entry os.FileInfo, err error) error {
		if err == nil && entry.Mode().IsRegular() {
			files = append(files, filepath.ToSlash(path))
		}
		return err
	}
	err = fsutil.Walk(context.Background(), folder, &fsutil.FilterOpt{ExcludePatterns: patterns}, walk)
	return files, err
}
