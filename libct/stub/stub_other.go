//go:build !amd64

package stub

// Image is nil: on this architecture the runtime seals its own binary instead.
func Image() []byte { return nil }
