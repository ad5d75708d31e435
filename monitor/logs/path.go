package logs

import (
	"strings"

	specs "stave/specs/leaf"
)

// A Driver is a way to keep a log.
type Driver uint8

// The drivers.
const (
	None        Driver = iota // none, off, null: nothing is kept
	K8sFile                   // k8s-file: the format of the CRI
	JSONFile                  // json-file: the format of Docker
	Journald                  // journald: the systemd journal
	Passthrough               // passthrough: the container has the monitor's own stdio
)

// ParsePath takes a value of --log-path apart: DRIVER:PATH, DRIVER, :PATH or
// PATH, the last two for a k8s-file. Only the first colon counts, and none
// after a slash, because no driver's name has one.
func ParsePath(value string) (Driver, string, error) {
	name, path, colon := strings.Cut(value, ":")
	if name == "" && path == "" {
		return None, "", invalid("log-path must not be empty")
	}
	if name == "" {
		return K8sFile, path, nil
	}
	switch name {
	case "none", "off", "null":
		return None, "", nil
	case "passthrough":
		return Passthrough, "", nil
	case "journald":
		return Journald, "", nil
	case "k8s-file", "json-file":
		if path == "" {
			return None, "", invalid(name + " requires a filename")
		}
		if name == "json-file" {
			return JSONFile, path, nil
		}
		return K8sFile, path, nil
	}
	if !colon || strings.Contains(name, "/") {
		return K8sFile, value, nil
	}
	return None, "", invalid("No such log driver " + name)
}

func invalid(problem string) error {
	return &specs.Error{Problem: problem, Kind: specs.ErrInvalid}
}
