package monitor

// lifecycle.go: a container's life as a table. What can happen in a state is
// in its row; a cell without an action is something that cannot happen there,
// or that means nothing any more.
//
//	waiting ──go──▶ creating ──created──▶ running ──ended──▶ draining ──logged──▶ flushing ──flushed──▶ over
//	   │               │failed               │timeout: kill      │                    │
//	   └──▶ over ◀─────┘                     └─────────▶         └──── impatience ────┘

// state is where a container is in its life.
type state int

const (
	waiting  state = iota // the caller has not yet let the runtime begin
	creating              // the runtime is at work
	running               // the process runs, or waits to be started
	draining              // it has ended; the log cannot take what it has said
	flushing              // its end is on record; clients read what is queued for them
	over
	states
)

// event is what can happen to it.
type event int

const (
	evGo       event = iota // the caller lets the runtime begin
	evCreated               // the runtime has done its work
	evFailed                // the runtime has not, or we could not start it
	evEnded                 // the process has ended
	evTimeout               // it has had all the time it was given
	evStop                  // somebody wants the monitor to end: SIGTERM and the like
	evLogged                // the log has taken what it had to
	evFlushed               // the clients have
	evPatience              // what we waited for takes too long
	events
)

// action does what an event asks for, and gives the state that follows.
type action func(*Container) state

func lifecycle() *[states][events]action {
	return &[states][events]action{
		waiting: {
			evGo:     (*Container).create,
			evFailed: (*Container).refuse,
			evStop:   (*Container).giveUp,
		},
		creating: {
			evCreated: (*Container).adopt,
			evFailed:  (*Container).refuse,
			evStop:    (*Container).stopRuntime,
		},
		running: {
			evEnded:    (*Container).conclude,
			evTimeout:  (*Container).expire,
			evStop:     (*Container).stopProcess,
			evPatience: (*Container).conclude, // killed, and still not gone
		},
		draining: {
			evLogged:   (*Container).conclude,
			evStop:     (*Container).settle,
			evPatience: (*Container).settle,
		},
		flushing: {
			evFlushed:  (*Container).finish,
			evStop:     (*Container).finish,
			evPatience: (*Container).lose,
		},
		over: {},
	}
}

// happened is the only way from one state to another.
func (c *Container) happened(e event) {
	if do := c.m.table[c.state][e]; do != nil {
		c.state = do(c)
		if c.state == over && !c.told {
			c.told = true
			c.farewell()
		}
	}
}
