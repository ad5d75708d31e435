package leaf

import (
	"strconv"
	"strings"
)

// maxID is NAME_MAX: the id is the name of the state directory.
const maxID = 255

// CheckID holds a container id to [A-Za-z0-9_][A-Za-z0-9_+.-]*. It names a
// directory, so a slash would be a way out of ours, and a leading dash would
// be read as a flag by whoever is given it.
func CheckID(id string) error {
	bad := func(problem string) error {
		return &Error{Problem: "container id " + strconv.Quote(shorten(id)) + ": " + problem, Kind: ErrInvalid}
	}
	switch {
	case id == "":
		return bad("must not be empty")
	case len(id) > maxID:
		return bad(strconv.Itoa(len(id)) + " bytes; at most " + strconv.Itoa(maxID))
	}
	for i, r := range id {
		switch {
		case '0' <= r && r <= '9', 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', r == '_':
		case i > 0 && strings.ContainsRune("+.-", r):
		case i == 0 && strings.ContainsRune("+.-", r):
			return bad("must not begin with " + strconv.QuoteRune(r))
		default:
			return bad(strconv.QuoteRune(r) + " is not allowed; letters, digits and _ + . - are")
		}
	}
	return nil
}

func shorten(s string) string {
	if len(s) > 64 {
		return s[:64] + "..."
	}
	return s
}
