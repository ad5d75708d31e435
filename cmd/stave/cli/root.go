package cli

// Host is what DefaultRoot asks of the caller.
type Host struct {
	EUID          int
	InUserNS      bool   // in a user namespace that is not the initial one
	XDGRuntimeDir string // $XDG_RUNTIME_DIR
	User          string // $USER
}

// DefaultRoot is the state directory when --root is not given, and whether it is
// in XDG_RUNTIME_DIR. There the caller makes it with mode 0700 and the sticky bit,
// which tells the XDG janitor to leave it alone. Root in the initial user namespace
// keeps to /run/stave; so does root in another one if $USER is root.
func DefaultRoot(h Host) (dir string, xdg bool) {
	if h.XDGRuntimeDir == "" || (h.EUID == 0 && (!h.InUserNS || h.User == "root")) {
		return "/run/stave", false
	}
	return h.XDGRuntimeDir + "/stave", true
}
