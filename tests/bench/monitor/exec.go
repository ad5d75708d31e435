package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"stave/monitor/wire"
)

// execs compares the time until the exit status of `true` is known.
func (w *world) execs(rounds int) (err error) {
	type contestant struct {
		name string
		once func() (time.Duration, error)
	}
	var contestants []contestant
	for _, c := range []struct{ name, monitor, runtime string }{
		{"conmon with runc", w.conmon, w.runc}, {"conmon with stave", w.conmon, w.stave}, {"stave-monitor with stave", w.ours, w.stave},
	} {
		id := w.id()
		box, err := w.spawn(c.monitor, c.runtime, id, id, w.idle, "none")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, w.end(box)) }()
		if err := w.verb(c.runtime, "start", id); err != nil {
			return err
		}
		contestants = append(contestants, contestant{c.name, func() (time.Duration, error) { return w.conmonExec(c.monitor, c.runtime, id) }})
	}
	p, err := w.pod()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.end(w)) }()
	id, err := p.run(w)
	if err != nil {
		return err
	}
	contestants = append(contestants, contestant{"pod mode with stave", func() (time.Duration, error) {
		begin := time.Now()
		res, err := p.ExecSync(context.Background(), wire.Request{ID: id, ProcessFile: w.process})
		took := time.Since(begin)
		if err == nil && res.Code != 0 {
			err = fmt.Errorf("exit status %d: %s", res.Code, res.Stderr)
		}
		return took, err
	}})

	times := make([][]float64, len(contestants))
	for round := range rounds + 1 {
		for i := range contestants {
			i = (i + round) % len(contestants)
			took, err := contestants[i].once()
			if err != nil {
				return fmt.Errorf("%s: %w", contestants[i].name, err)
			}
			if round > 0 { // the first warms the caches
				times[i] = append(times[i], float64(took)/1e6)
			}
		}
	}
	fmt.Printf("exec: true, until its exit status is known (median of %d)\n%-28s %10s %18s %18s\n", rounds, "", "ms", "/conmon with runc", "/conmon with stave")
	for i, c := range contestants {
		fmt.Printf("%-28s %10.2f %18.2f %18.2f\n", c.name, median(times[i]), median(times[i])/median(times[0]), median(times[i])/median(times[1]))
	}
	return nil
}

func (w *world) conmonExec(monitor, runtime, id string) (time.Duration, error) {
	session := w.id()
	bundle := filepath.Join(w.dir, "exec-"+session)
	if err := os.Mkdir(bundle, 0o755); err != nil {
		return 0, err
	}
	begin := time.Now()
	c, err := w.spawn(monitor, runtime, id, session, bundle, "none", "--exec", "--exec-process-spec", w.process)
	if err != nil {
		return 0, err
	}
	code, err := c.report()
	took := time.Since(begin)
	if err == nil && code != 0 {
		err = fmt.Errorf("exit status %d", code)
	}
	_, cpuErr := c.cpu()
	return took, errors.Join(err, cpuErr, os.RemoveAll(bundle), os.RemoveAll(c.dir))
}
