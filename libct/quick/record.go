package quick

// record.go: the container's record (package specs, Record), of which only the
// places of its values are wanted.

// A record is ROOT/ID/state.json as it lies there: of each member that matters
// here the JSON value, not decoded. It is compact, as we write it.
type record struct {
	version, ociVersion, id, bundle, rootfs, created, phase, bootID []byte
	pid, startTime, cgroupDirs, cgroupPlaces, cgroupOwned           []byte
	annotations, namespaces, hooks, process                         []byte
}

// read finds the members in the text of the file.
func (r *record) read(b []byte) bool {
	if len(b) < 2 || b[0] != '{' {
		return false
	}
	for i := 1; ; {
		key := i
		if i = str(b, i); i < 0 || i >= len(b) || b[i] != ':' {
			return false
		}
		name := b[key+1 : i-1]
		from := i + 1
		if i = value(b, from); i < 0 || i >= len(b) {
			return false
		}
		r.set(name, b[from:i])
		switch b[i] {
		case ',':
			i++
		case '}':
			return i+1 == len(b)
		default:
			return false
		}
	}
}

func (r *record) set(name, value []byte) {
	switch string(name) {
	case "version":
		r.version = value
	case "ociVersion":
		r.ociVersion = value
	case "id":
		r.id = value
	case "bundle":
		r.bundle = value
	case "rootfs":
		r.rootfs = value
	case "created":
		r.created = value
	case "phase":
		r.phase = value
	case "bootID":
		r.bootID = value
	case "pid":
		r.pid = value
	case "startTime":
		r.startTime = value
	case "cgroupDirs":
		r.cgroupDirs = value
	case "cgroupPlaces":
		r.cgroupPlaces = value
	case "cgroupOwned":
		r.cgroupOwned = value
	case "annotations":
		r.annotations = value
	case "namespaces":
		r.namespaces = value
	case "hooks":
		r.hooks = value
	case "process":
		r.process = value
	}
}

// str gives the index behind the string that begins at i, or -1.
func str(b []byte, i int) int {
	if i >= len(b) || b[i] != '"' {
		return -1
	}
	for i++; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}

// value gives the index behind the value that begins at i, or -1.
func value(b []byte, i int) int {
	depth := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			if i = str(b, i); i < 0 || depth == 0 {
				return i
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
			if depth <= 0 {
				if depth < 0 {
					return -1
				}
				return i + 1
			}
		default:
			if depth == 0 { // a number or a word
				return scalar(b, i)
			}
		}
		i++
	}
	return -1
}

func scalar(b []byte, i int) int {
	from := i
	for i < len(b) && b[i] != ',' && b[i] != '}' && b[i] != ']' {
		i++
	}
	if i == from {
		return -1
	}
	return i
}

// text is what a JSON string without escapes says.
func text(v []byte) (s []byte, ok bool) {
	if len(v) < 2 || v[0] != '"' || v[len(v)-1] != '"' {
		return nil, false
	}
	s = v[1 : len(v)-1]
	for _, b := range s {
		if b == '\\' || b == '"' || b == 0 {
			return nil, false
		}
	}
	return s, true
}

// next is the element of an array, or the member of an object, at i, which is 1
// to begin with, and the i of the one after it, which is -1 behind the last.
func next(list []byte, i int) (element []byte, after int) {
	end := value(list, i)
	if end < 0 || end >= len(list) {
		return nil, -1
	}
	after = -1
	if list[end] == ',' {
		after = end + 1
	}
	return list[i:end], after
}

// count is the number of elements of an array.
func count(list []byte) (n int) {
	if len(list) < 3 {
		return 0
	}
	for i := 1; i > 0; n++ {
		_, i = next(list, i)
	}
	return n
}
