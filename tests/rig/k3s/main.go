// Command k3s is a test stand-in for k3s: it has k3s's command line and files,
// and runs the same upstream components as child processes. It is not k3s; see
// ../README.md for every known difference.
package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

const (
	program = "k3s"
	version = "v1.36.3+standin1"
	note    = "a test stand-in built from upstream parts, not k3s"
)

// command is one verb of the program; the table below is also the help text.
type command struct {
	name, usage string
	run         func(args []string) error
}

func commands() []command {
	return []command{
		{"server", "Run management server", runServer},
		{"agent", "Run node agent", runAgent},
		{"kubectl", "Run kubectl", tool("kubectl")},
		{"crictl", "Run crictl", tool("crictl")},
		{"ctr", "Run ctr", tool("ctr")},
		{"check-config", "Run config check", runCheckConfig},
	}
}

func main() {
	var failed exitCode
	switch err := dispatch(os.Args); {
	case err == nil:
	case errors.As(err, &failed):
		os.Exit(int(failed))
	default:
		fatalf("%v", err)
	}
}

// exitCode is an error that only carries the status to leave with.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

func dispatch(argv []string) error {
	// k3s is multicall for its three clients
	switch name := filepath.Base(argv[0]); name {
	case "kubectl", "crictl", "ctr":
		return tool(name)(argv[1:])
	}
	if len(argv) < 2 {
		printHelp()
		return nil
	}
	for _, c := range commands() {
		if c.name == argv[1] {
			return c.run(argv[2:])
		}
	}
	switch argv[1] {
	case "-v", "--version", "-version":
		fmt.Printf("%s version %s (%s)\ngo version %s\n", program, version, note, runtime.Version())
		return nil
	case "-h", "--help", "-help", "help", "h":
		printHelp()
		return nil
	}
	return fmt.Errorf("No help topic for '%s'", argv[1])
}

func printHelp() {
	fmt.Printf("NAME:\n   %s - Kubernetes, but small and simple (%s)\n\n", program, note)
	fmt.Printf("USAGE:\n   %s [global options] command [command options]\n\n", program)
	fmt.Printf("VERSION:\n   %s\n\nCOMMANDS:\n", version)
	for _, c := range commands() {
		fmt.Printf("   %-13s %s\n", c.name, c.usage)
	}
	fmt.Printf("\nGLOBAL OPTIONS:\n   --help, -h     show help\n   --version, -v  print the version\n")
}

// tool returns a verb that becomes one of the bundled clients, set up as k3s
// sets them up: each finds the cluster without a flag.
func tool(name string) func([]string) error {
	return func(args []string) error {
		dir := dataDirFrom(args)
		if err := populate(dir, hasFlag(args, "prefer-bundled-bin")); err != nil {
			return err
		}
		switch name {
		case "kubectl":
			defaultKubeconfig()
		case "crictl":
			defaultEnv("CRI_CONFIG_FILE", filepath.Join(dir, "agent/etc/crictl.yaml"))
		case "ctr":
			defaultEnv("CONTAINERD_ADDRESS", containerdSocket)
			defaultEnv("CONTAINERD_NAMESPACE", "k8s.io")
		}
		path, err := lookPath(name)
		if err != nil {
			return err
		}
		return syscall.Exec(path, append([]string{name}, args...), os.Environ())
	}
}

func defaultEnv(name, value string) {
	if os.Getenv(name) == "" {
		os.Setenv(name, value)
	}
}

func defaultKubeconfig() {
	if os.Getenv("KUBECONFIG") != "" {
		return
	}
	f, err := os.Open(adminKubeconfig)
	if err == nil {
		f.Close()
		os.Setenv("KUBECONFIG", adminKubeconfig)
		return
	}
	if !os.IsNotExist(err) {
		warnf("Unable to read %s, please start server with --write-kubeconfig-mode or --write-kubeconfig-group to modify kube config permissions", adminKubeconfig)
	}
}

func runCheckConfig([]string) error {
	fmt.Printf("%s check-config: %s\n", program, note)
	if err := validateCgroups(); err != nil {
		fmt.Printf("- cgroup hierarchy: %v\n\nSTATUS: 1 (fail)\n", err)
		return exitCode(1)
	}
	fmt.Printf("- cgroup hierarchy: nonsystemd/v1 or unified: ok\n\nSTATUS: pass\n")
	return nil
}

func runAgent(args []string) error {
	o, err := parse("agent", args)
	if err != nil {
		return err
	}
	if o.Token == "" {
		return errors.New("--token is required")
	}
	if o.Server == "" {
		return errors.New("--server is required")
	}
	return errors.New("the stand-in has no supervisor protocol, so no agent can join: run `server` (which has an agent in it)")
}
