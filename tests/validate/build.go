package main

import (
	_ "embed"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const tools = "github.com/opencontainers/runtime-tools"

// The go.mod and go.sum of the cached module, under names that do not make
// this directory a module of its own.
var (
	//go:embed module.txt
	moduleText []byte
	//go:embed sums.txt
	sumText []byte
)

// build makes the programs if the cache has not got them, and lists them.
func build(cache string) ([]string, error) {
	bin := filepath.Join(cache, "bin")
	stamp := filepath.Join(cache, "built")
	if done, err := os.ReadFile(stamp); err != nil || string(done) != string(moduleText) {
		if err := os.MkdirAll(bin, 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(cache, "go.mod"), moduleText, 0o644); err != nil {
			return nil, err
		}
		if err := os.WriteFile(filepath.Join(cache, "go.sum"), sumText, 0o644); err != nil {
			return nil, err
		}
		fmt.Println("building", tools, "(once)")
		if _, err := goTool(cache, "build", "-o", "bin/", tools+"/cmd/runtimetest", tools+"/validation/..."); err != nil {
			return nil, err
		}
		dir, err := goTool(cache, "list", "-m", "-f", "{{.Dir}}", tools)
		if err != nil {
			return nil, err
		}
		// The programs look for these two in their working directory.
		const rootfs = "rootfs-amd64.tar.gz"
		if err := copyFile(filepath.Join(strings.TrimSpace(dir), rootfs), filepath.Join(cache, rootfs), 0o644); err != nil {
			return nil, err
		}
		if err := copyFile(filepath.Join(bin, "runtimetest"), filepath.Join(cache, "runtimetest"), 0o755); err != nil {
			return nil, err
		}
		if err := os.WriteFile(stamp, moduleText, 0o644); err != nil {
			return nil, err
		}
	}
	entries, err := os.ReadDir(bin)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if e.Name() != "runtimetest" {
			names = append(names, e.Name())
		}
	}
	return names, nil
}

func goTool(dir string, args ...string) (string, error) {
	cmd := exec.Command("go", args...)
	cmd.Dir = dir
	cmd.Stderr = os.Stderr
	cmd.Env = append(os.Environ(), "GOFLAGS=-mod=mod", "CGO_ENABLED=0", "GOWORK=off")
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w", args[0], err)
	}
	return string(out), nil
}

// copyFile replaces to, whatever mode an older copy has.
func copyFile(from, to string, mode os.FileMode) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	if err := os.Remove(to); err != nil && !os.IsNotExist(err) {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	if _, err := io.Copy(out, in); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}
