// Command flannel is a CNI plugin with the behaviour that flannel's own plugin
// documents (its README): it makes a configuration for another plugin, bridge
// as a rule, out of its own and of the subnet file that flanneld writes, and
// calls that. The original cannot be built here, its module cannot be had. IPv4
// alone.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// netConf is the plugin's own configuration; what it does not know it ignores.
type netConf struct {
	CNIVersion    string         `json:"cniVersion"`
	Name          string         `json:"name"`
	SubnetFile    string         `json:"subnetFile"`
	DataDir       string         `json:"dataDir"`
	IPAM          map[string]any `json:"ipam"`
	Delegate      map[string]any `json:"delegate"`
	RuntimeConfig map[string]any `json:"runtimeConfig"`
}

// delegateExit carries the status of a delegate that has said by itself, on
// standard output, what went wrong.
type delegateExit struct{ status int }

func (d delegateExit) Error() string { return "the delegate failed" }

// CNI's error codes for "cannot decode" and for a plugin's own troubles.
const (
	codeDecode = 6
	codeOther  = 999
)

func main() {
	conf := netConf{SubnetFile: "/run/flannel/subnet.env", DataDir: "/var/lib/cni/flannel"}
	input, err := io.ReadAll(os.Stdin)
	if err == nil && os.Getenv("CNI_COMMAND") != "VERSION" {
		if err = json.Unmarshal(input, &conf); err != nil {
			fail(conf, codeDecode, fmt.Errorf("failed to load netconf: %w", err))
		}
	}
	switch command := os.Getenv("CNI_COMMAND"); {
	case err != nil:
	case command == "VERSION":
		fmt.Println(`{"cniVersion":"1.0.0","supportedVersions":["0.1.0","0.2.0","0.3.0","0.3.1","0.4.0","1.0.0"]}`)
	case command == "ADD":
		err = add(conf)
	case command == "DEL":
		err = del(conf)
	case command == "CHECK":
	default:
		err = fmt.Errorf("unknown CNI_COMMAND %q", command)
	}
	if err != nil {
		fail(conf, codeOther, err)
	}
}

func fail(conf netConf, code int, err error) {
	var said delegateExit
	if errors.As(err, &said) {
		os.Exit(said.status)
	}
	out, _ := json.Marshal(map[string]any{"cniVersion": conf.CNIVersion, "code": code, "msg": err.Error()})
	fmt.Println(string(out))
	os.Exit(1)
}

// add keeps the made configuration, so that del works when the subnet file is
// gone or names another subnet.
func add(conf netConf) error {
	path, err := scratchFile(conf)
	if err != nil {
		return err
	}
	env, err := readSubnetFile(conf.SubnetFile)
	if err != nil {
		return fmt.Errorf("failed to load flannel 'subnet.env' file: %w. Check the flannel pod log for this node", err)
	}
	made, err := delegateConf(conf, env)
	if err != nil {
		return err
	}
	text, err := json.Marshal(made)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(conf.DataDir, 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return err
	}
	return call(made["type"].(string), text)
}

// del has nothing to do for what was never added.
func del(conf netConf) error {
	path, err := scratchFile(conf)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return nil
	}
	if err != nil {
		return err
	}
	var made struct{ Type string }
	if json.Unmarshal(text, &made) != nil || made.Type == "" {
		// half-written by an add that was killed: there is nothing to undo it with
		return os.Remove(path)
	}
	if err := call(made.Type, text); err != nil {
		return err
	}
	return os.Remove(path)
}

func scratchFile(conf netConf) (string, error) {
	id := os.Getenv("CNI_CONTAINERID")
	if id == "" || id != filepath.Base(id) || id[0] == '.' {
		return "", fmt.Errorf("CNI_CONTAINERID %q cannot be a file name", id)
	}
	return filepath.Join(conf.DataDir, id), nil
}

// subnetEnv is flanneld's file.
type subnetEnv struct {
	network, subnet *net.IPNet
	mtu             uint64
	masq            bool
}

func readSubnetFile(path string) (*subnetEnv, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	env, seen := new(subnetEnv), map[string]bool{}
	for _, line := range strings.Split(string(text), "\n") {
		key, value, _ := strings.Cut(line, "=")
		switch key {
		case "FLANNEL_NETWORK":
			_, env.network, err = net.ParseCIDR(value)
		case "FLANNEL_SUBNET":
			_, env.subnet, err = net.ParseCIDR(value)
		case "FLANNEL_MTU":
			env.mtu, err = strconv.ParseUint(value, 10, 32)
		case "FLANNEL_IPMASQ":
			env.masq = value == "true"
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %s: %w", path, key, err)
		}
		seen[key] = true
	}
	for _, key := range []string{"FLANNEL_NETWORK", "FLANNEL_SUBNET", "FLANNEL_MTU", "FLANNEL_IPMASQ"} {
		if !seen[key] {
			return nil, fmt.Errorf("%s is missing %s", path, key)
		}
	}
	return env, nil
}

// delegateConf fills in what the user's delegate section leaves open.
func delegateConf(conf netConf, env *subnetEnv) (map[string]any, error) {
	made := conf.Delegate
	if made == nil {
		made = map[string]any{}
	}
	for _, key := range []string{"name", "ipam"} {
		if made[key] != nil {
			return nil, fmt.Errorf("'delegate' dictionary must not have '%s' field, it'll be set by flannel", key)
		}
	}
	byDefault := func(in map[string]any, key string, value any) {
		if _, there := in[key]; !there {
			in[key] = value
		}
	}
	byDefault(made, "type", "bridge")
	if _, ok := made["type"].(string); !ok {
		return nil, errors.New("'delegate' dictionary, if present, must have (string) 'type' field")
	}
	made["name"] = conf.Name
	byDefault(made, "ipMasq", !env.masq)
	byDefault(made, "mtu", env.mtu)
	if made["type"] == "bridge" {
		byDefault(made, "isGateway", true)
	}
	if conf.CNIVersion != "" {
		made["cniVersion"] = conf.CNIVersion
	}
	if conf.RuntimeConfig != nil {
		made["runtimeConfig"] = conf.RuntimeConfig
	}
	ipam := conf.IPAM
	if ipam == nil {
		ipam = map[string]any{}
	}
	byDefault(ipam, "type", "host-local")
	ipam["ranges"] = [][]map[string]string{{{"subnet": env.subnet.String()}}}
	routes, _ := ipam["routes"].([]any)
	ipam["routes"] = append(routes, map[string]string{"dst": env.network.String()})
	made["ipam"] = ipam
	return made, nil
}

// call runs the delegate with our own environment; its result is ours.
func call(name string, conf []byte) error {
	for _, dir := range filepath.SplitList(os.Getenv("CNI_PATH")) {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err != nil || info.IsDir() {
			continue
		}
		cmd := exec.Command(path)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(conf), os.Stdout, os.Stderr
		err := cmd.Run()
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.ExitCode() > 0 {
			return delegateExit{exit.ExitCode()}
		}
		if err != nil {
			return fmt.Errorf("failed to delegate to %s: %w", path, err)
		}
		return nil
	}
	return fmt.Errorf("failed to find plugin %q in path [%s]", name, os.Getenv("CNI_PATH"))
}
