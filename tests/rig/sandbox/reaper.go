package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// reaper cleans up when the program that started it is gone, however it went:
// it hears of that by the end of a pipe, which even SIGKILL brings about.
type reaper struct {
	cmd  *exec.Cmd
	life *os.File
}

func startReaper(r *run) (*reaper, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer read.Close()
	cmd, err := again("sandbox-reaper", r)
	if err != nil {
		return nil, err
	}
	cmd.ExtraFiles = []*os.File{read}
	// a session of its own, so that the terminal's signals do not reach it
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = nil, nil, nil
	return &reaper{cmd, write}, cmd.Start()
}

func (p *reaper) finish() {
	p.life.Close()
	p.cmd.Wait()
}

// again starts this program as another stage, which gets the run as JSON.
func again(name string, r *run) (*exec.Cmd, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command("/proc/self/exe", string(text))
	cmd.Args[0] = name
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd, nil
}

func told() (*run, error) {
	r := new(run)
	if err := json.Unmarshal([]byte(os.Args[1]), r); err != nil {
		return nil, err
	}
	return r, r.check()
}

func reaperStage() (int, error) {
	r, err := told()
	if err != nil {
		return 1, err
	}
	os.NewFile(3, "life").Read(make([]byte, 1))
	killContainer(r)
	removeCgroups(r.ID)
	// the veth pair goes with the namespace
	exec.Command("ip", "netns", "del", r.ID).Run()
	return 0, removeDir(r.Dir)
}

// removeDir retries: the kernel frees a dead mount namespace a moment late.
func removeDir(dir string) (err error) {
	for i := 0; i < 50; i++ {
		if err = os.RemoveAll(dir); err == nil {
			return nil
		}
		time.Sleep(100 * time.Millisecond)
	}
	return err
}

// killContainer ends what an OCI runtime started; E1 dies with its process 1.
func killContainer(r *run) {
	tool, args := runtimeTool(r)
	if tool == "" {
		return
	}
	if _, err := os.Stat(filepath.Join(r.Dir, "state")); err != nil {
		return
	}
	exec.Command(tool, append(args, "kill", r.ID, "KILL")...).Run()
	exec.Command(tool, append(args, "delete", "--force", r.ID)...).Run()
}
