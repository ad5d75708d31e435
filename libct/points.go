package libct

// Points are the steps of the verbs that have no plan, in their order: what
// the crash tests kill, and what errors of these verbs name.
var Points = [...]struct{ Verb, Name string }{
	{"start", "start: open result"},
	{"start", "start: hooks"},
	{"start", "start: open gate"},
	{"start", "start: write gate"},
	{"start", "start: wait for execve"},
	{"start", "start: poststart"},
	{"kill", "kill: send signal"},
	{"kill", "kill: signal the cgroup"},
	{"delete", "delete: kill init"},
	{"delete", "delete: kill cgroup"},
	{"delete", "delete: wait"},
	{"delete", "delete: remove cgroups"},
	{"delete", "delete: remove state"},
	{"delete", "delete: poststop"},
}
