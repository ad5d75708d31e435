package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// logs compares how fast the monitors write, and what that costs them.
func (w *world) logs(rounds, mib int) error {
	var err error
	if w.writer, err = w.bundle("writer", "/bin/writer", strconv.Itoa(mib)); err != nil {
		return err
	}
	contestants := []struct{ name, monitor string }{{"conmon", w.conmon}, {"stave-monitor", w.ours}}
	speed, cost := make([][]float64, 2), make([][]float64, 2)
	for range rounds {
		for i, c := range contestants {
			took, cpu, err := w.flood(c.monitor)
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			speed[i] = append(speed[i], float64(mib)/took.Seconds())
			cost[i] = append(cost[i], cpu.Seconds()*1024/float64(mib))
		}
	}
	fmt.Printf("logs: %d MiB in lines of 100 bytes (median of %d)\n%-28s %10s %8s %16s %8s\n", mib, rounds, "", "MiB/s", "/conmon", "CPU s for 1 GiB", "/conmon")
	for i, c := range contestants {
		fmt.Printf("%-28s %10.0f %8.2f %16.2f %8.2f\n", c.name, median(speed[i]), median(speed[i])/median(speed[0]), median(cost[i]), median(cost[i])/median(cost[0]))
	}
	fmt.Println()
	return nil
}

// flood runs the writer to its end, and that of its monitor.
func (w *world) flood(monitor string) (took, cpu time.Duration, err error) {
	id := w.id()
	log := filepath.Join(w.dir, "log-"+id)
	c, err := w.spawn(monitor, w.stave, id, id, w.writer, "k8s-file:"+log)
	if err != nil {
		return 0, 0, err
	}
	begin := time.Now()
	if err := w.verb(w.stave, "start", id); err != nil {
		return 0, 0, err
	}
	cpu, err = c.cpu()
	took = time.Since(begin)
	return took, cpu, errors.Join(err, os.Remove(log), w.verb(w.stave, "delete", "--force", id), os.RemoveAll(c.dir))
}
