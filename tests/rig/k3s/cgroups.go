package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const cgroup2Magic = 0x63677270

func cgroupsUnified() bool {
	var s syscall.Statfs_t
	return syscall.Statfs("/sys/fs/cgroup", &s) == nil && int64(s.Type) == cgroup2Magic
}

// validateCgroups has k3s's checks and its exact messages.
func validateCgroups() error {
	if cgroupsUnified() {
		return validateCgroupsV2()
	}
	text, err := os.ReadFile("/proc/self/cgroup")
	if err != nil {
		return err
	}
	if !strings.Contains(string(text), "cpuset") {
		warnf(`Failed to find cpuset cgroup, you may need to add "cgroup_enable=cpuset" to your linux cmdline (/boot/cmdline.txt on a Raspberry Pi)`)
	}
	if !strings.Contains(string(text), "memory") {
		msg := `ailed to find memory cgroup, you may need to add "cgroup_memory=1 cgroup_enable=memory" to your linux cmdline (/boot/cmdline.txt on a Raspberry Pi)`
		errorf("%s", "F"+msg)
		return errors.New("f" + msg)
	}
	return nil
}

func validateCgroupsV2() error {
	text, err := os.ReadFile("/sys/fs/cgroup/cgroup.controllers")
	if err != nil {
		return err
	}
	have := strings.Fields(string(text))
	for _, c := range []string{"cpu", "cpuset", "memory"} {
		if !contains(have, c) {
			return fmt.Errorf("failed to find %s cgroup (v2)", c)
		}
	}
	return nil
}

func contains(all []string, one string) bool {
	for _, s := range all {
		if s == one {
			return true
		}
	}
	return false
}

// membership is one line of /proc/PID/cgroup.
type membership struct {
	controllers []string
	path        string
}

func memberships(pid string) []membership {
	text, _ := os.ReadFile("/proc/" + pid + "/cgroup")
	var out []membership
	for _, line := range strings.Split(string(text), "\n") {
		if f := strings.SplitN(line, ":", 3); len(f) == 3 {
			out = append(out, membership{strings.Split(f[1], ","), f[2]})
		}
	}
	return out
}

// checkCgroups says which controllers the kubelet may count on, and in which
// cgroup it must put itself and the runtime where it does not own the root.
func checkCgroups() (kubeletRoot, runtimeRoot string, controllers map[string]bool) {
	unified := cgroupsUnified()
	controllers = map[string]bool{}
	if unified {
		text, _ := os.ReadFile("/sys/fs/cgroup/cgroup.controllers")
		for _, c := range strings.Fields(string(text)) {
			controllers[c] = true
		}
	}
	for _, m := range memberships("self") {
		for _, c := range m.controllers {
			switch {
			case c == "name=systemd" || unified:
				if strings.LastIndex(m.path, ".scope") > 0 {
					kubeletRoot = "/" + program
				}
			case c == "cpu":
				quota := filepath.Join("/sys/fs/cgroup", c, m.path, "cpu.cfs_period_us")
				if _, err := os.Stat(quota); err == nil {
					controllers[c] = true
				}
			default:
				controllers[c] = true
			}
		}
	}
	if kubeletRoot == "" && !initOwnsRoot(unified) {
		kubeletRoot, runtimeRoot = "/"+program, "/"+program
	}
	return kubeletRoot, runtimeRoot, controllers
}

func initOwnsRoot(unified bool) bool {
	for _, m := range memberships("1") {
		for _, c := range m.controllers {
			if (c == "name=systemd" || unified) && m.path != "/" && m.path != "/init.scope" {
				return false
			}
		}
	}
	return true
}
