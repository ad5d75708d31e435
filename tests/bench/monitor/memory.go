package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"stave/monitor/client"
	"stave/monitor/wire"
)

const pods, perPod = 10, 5

// memory compares the monitors of 50 idle containers.
func (w *world) memory(rounds int) error {
	contestants := []struct {
		name    string
		measure func() (float64, error)
	}{
		{"conmon", func() (float64, error) { return w.fifty(w.conmon) }},
		{"stave-monitor, conmon mode", func() (float64, error) { return w.fifty(w.ours) }},
		{"stave-monitor, pod mode", w.tenPods},
	}
	kib := make([][]float64, len(contestants))
	for range rounds {
		for i, c := range contestants {
			v, err := c.measure()
			if err != nil {
				return fmt.Errorf("%s: %w", c.name, err)
			}
			kib[i] = append(kib[i], v/(pods*perPod))
		}
	}
	fmt.Printf("memory: PSS of the monitors for each of %d containers (median of %d)\n%-28s %10s %12s %8s\n", pods*perPod, rounds, "", "KiB", "a process", "/conmon")
	for i, c := range contestants {
		process := median(kib[i])
		if i == 2 {
			process *= perPod
		}
		fmt.Printf("%-28s %10.0f %12.0f %8.2f\n", c.name, median(kib[i]), process, median(kib[i])/median(kib[0]))
	}
	fmt.Println()
	return nil
}

// fifty has a monitor for each container and gives the sum of their memory.
func (w *world) fifty(monitor string) (sum float64, err error) {
	var all []*container
	defer func() {
		for _, c := range all {
			err = errors.Join(err, w.end(c))
		}
	}()
	for range pods * perPod {
		id := w.id()
		c, err := w.spawn(monitor, w.stave, id, id, w.idle, "k8s-file:"+filepath.Join(w.dir, "log-"+id))
		if err != nil {
			return 0, err
		}
		all = append(all, c)
		if err := w.verb(w.stave, "start", id); err != nil {
			return 0, err
		}
	}
	settle()
	for _, c := range all {
		kib, err := pss(c.monitor)
		if err != nil {
			return 0, err
		}
		sum += kib
	}
	return sum, nil
}

// settle lets what has just started come to rest.
func settle() { time.Sleep(time.Second) }

// tenPods is the same with a monitor for each pod.
func (w *world) tenPods() (sum float64, err error) {
	var all []*pod
	defer func() {
		for _, p := range all {
			err = errors.Join(err, p.end(w))
		}
	}()
	for range pods {
		p, err := w.pod()
		if err != nil {
			return 0, err
		}
		all = append(all, p)
		for range perPod {
			if _, err := p.run(w); err != nil {
				return 0, err
			}
		}
	}
	settle()
	for _, p := range all {
		kib, err := pss(p.cmd.Process.Pid)
		if err != nil {
			return 0, err
		}
		sum += kib
	}
	return sum, nil
}

// pss is the proportional set size of a process in KiB.
func pss(pid int) (float64, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, err
	}
	for _, line := range strings.Split(string(data), "\n") {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "Pss:" {
			return strconv.ParseFloat(f[1], 64)
		}
	}
	return 0, fmt.Errorf("no Pss of process %d", pid)
}

// A pod is a monitor that serves.
type pod struct {
	*client.Client
	cmd *exec.Cmd
	ids []string
}

func (w *world) pod() (*pod, error) {
	p := &pod{Client: &client.Client{Socket: filepath.Join(w.dir, "pod-"+w.id())}}
	p.cmd = exec.Command(w.ours, "serve", "--socket", p.Socket, "--sync")
	p.cmd.Env = w.env
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	for range 1000 {
		if _, err := p.Stats(context.Background()); err == nil {
			return p, nil
		}
		time.Sleep(5 * time.Millisecond)
	}
	return p, errors.New("the pod's monitor does not come up")
}

// run makes an idle container.
func (p *pod) run(w *world) (id string, err error) {
	id = w.id()
	if _, err = p.Create(context.Background(), wire.Request{ID: id, Runtime: w.stave, RuntimeArgs: []string{"--root=" + w.root(w.stave)}, Bundle: w.idle,
		Log: wire.Log{Paths: []string{"k8s-file:" + filepath.Join(w.dir, "log-"+id)}}}); err == nil {
		p.ids = append(p.ids, id)
		_, err = p.Start(context.Background(), id)
	}
	return id, err
}

// end ends the monitor with all that runs; its containers are the runtime's to delete.
func (p *pod) end(w *world) error {
	err := errors.Join(p.Shutdown(context.Background(), true), p.cmd.Wait())
	for _, id := range p.ids {
		err = errors.Join(err, w.verb(w.stave, "delete", "--force", id))
	}
	return err
}
