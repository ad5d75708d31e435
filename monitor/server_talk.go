package monitor

import "stave/monitor/wire"

// server_talk.go: the part of a conversation that is about a process's streams,
// for attach and exec: output as frames one way, input the other.

// talk is a conversation with a process, and so a tap of its output.
type talk struct {
	c         *conn
	member    *member
	wantInput bool
	block     bool
	dropped   bool
	limited   bool
	left      int64 // bytes of output, if limited
	truncated bool
}

// join begins it.
func (t *talk) join() {
	t.c.talk = t
	t.member.c.attach.taps = append(t.member.c.attach.taps, t)
	t.listen(!t.member.c.attach.paused)
}

// leave ends it, from whichever side.
func (t *talk) leave() {
	c := t.c
	if c.stalling {
		c.stalling = false
		c.s.m.stop(&c.lag)
		if t.member.c != nil {
			t.member.c.waitFor(-1)
		}
	}
	if t.member.c != nil {
		t.member.c.attach.leave(t)
	}
	c.talk = nil
}

func (t *talk) output(tag byte, p []byte) {
	if t.dropped {
		return
	}
	if t.limited {
		if int64(len(p)) > t.left {
			t.truncated = true
			p = p[:t.left]
		}
		if t.left -= int64(len(p)); len(p) == 0 {
			return
		}
	}
	kind := wire.Stdout
	if tag == tagStderr {
		kind = wire.Stderr
	}
	t.c.send(kind, p)
}

func (t *talk) listen(on bool) {
	if t.c.paused == on {
		t.c.paused = !on
		t.c.settle()
	}
}

// finish: the process has ended, and this is how.
func (t *talk) finish() {
	st := t.member.status()
	st.State, st.Truncated = wire.Stopped, t.truncated
	t.c.sync = nil
	t.c.answer(st)
}

func (t *talk) input(p []byte) {
	if t.wantInput && t.member.c != nil && len(p) > 0 {
		t.member.c.stdin.write(p)
	}
}

// closeInput is the end of input because the client says so.
func (t *talk) closeInput() {
	if t.wantInput && t.member.c != nil {
		t.member.c.endInput()
	}
}

// inputEnded is the end of what the client can send.
func (t *talk) inputEnded() {
	if t.member.stdinOnce {
		t.closeInput()
	}
}

// endInput closes standard input. A terminal has no end to close: there the end
// of input is a character, which the client sends.
func (c *Container) endInput() {
	if !c.conf.Terminal {
		c.stdin.finish()
	}
}
