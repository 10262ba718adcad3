package main

import (
	"os"
	"path/filepath"
	"strings"
)

// Configuration files, after k3s's pkg/configfilearg: they become flags that
// stand before those of the command line, so that these win, or add to a list.

// configArgs returns the flags of the configuration file and its drop-ins; a
// key that is no flag of this verb is skipped with a warning.
func configArgs(args []string, table []row) ([]string, error) {
	all, err := readConfig(configPath(args))
	if err != nil {
		return nil, err
	}
	known := map[string]bool{}
	for _, r := range table {
		for _, n := range strings.Split(r.names, ",") {
			known[n] = true
		}
	}
	var out []string
	for _, s := range all {
		dashes := "--"
		if len(s.key) == 1 {
			dashes = "-"
		}
		if !known[s.key] {
			warnf("Unknown flag %s%s found in config.yaml, skipping\n", dashes, s.key)
			continue
		}
		for _, v := range s.values {
			out = append(out, dashes+s.key+"="+v)
		}
	}
	return out, nil
}

// configPath: the environment wins over the command line, which is looked
// through as it stands; "" means that no file is read at all.
func configPath(args []string) string {
	if path := os.Getenv("K3S_CONFIG_FILE"); path != "" {
		return path
	}
	for i, a := range args {
		for _, name := range []string{"--config", "-c"} {
			if v, ok := strings.CutPrefix(a, name+"="); ok {
				return v
			}
			if a == name && i+1 < len(args) {
				return args[i+1]
			}
			if a == name {
				return "" // the parser of the flags complains
			}
		}
	}
	return configFile
}

// readConfig merges the file and its drop-ins. That none exists is no error,
// even where the file was named.
func readConfig(path string) ([]setting, error) {
	if path == "" {
		return nil, nil
	}
	files, err := dropIns(path)
	if err != nil {
		return nil, err
	}
	switch _, err := os.Stat(path); {
	case err == nil:
		files = append([]string{path}, files...)
	case !os.IsNotExist(err):
		return nil, err
	}
	var out []setting
	for _, f := range files {
		settings, err := readYAML(f)
		if err != nil {
			return nil, err
		}
		for _, s := range settings {
			out = merge(out, s)
		}
	}
	return out, nil
}

// dropIns are the *.yaml and *.yml files of <path>.d by name.
func dropIns(path string) (out []string, err error) {
	entries, err := os.ReadDir(path + ".d")
	if os.IsNotExist(err) {
		return nil, nil
	}
	for _, e := range entries {
		name := strings.ToLower(e.Name())
		yaml := strings.HasSuffix(name, ".yaml") || strings.HasSuffix(name, ".yml")
		if yaml && !e.IsDir() {
			out = append(out, filepath.Join(path+".d", e.Name()))
		}
	}
	return out, err
}

// merge lets a later value replace an earlier one; `key+` adds to it. A key
// keeps the place where it was first seen.
func merge(all []setting, s setting) []setting {
	for i := range all {
		old := &all[i]
		switch {
		case old.key != s.key:
			continue
		case s.plus:
			old.values = append(old.listed(), s.listed()...)
			old.null = false
		default:
			*old = s
		}
		return all
	}
	return append(all, s)
}

// listed is the value as a list: null has no element, a scalar is one.
func (s setting) listed() []string {
	if s.null {
		return nil
	}
	return append([]string{}, s.values...)
}

// configuredDataDir is what k3s's clients find: they know the environment
// variable, but not --config. A list counts by its first element.
func configuredDataDir() (dir string) {
	all, err := readConfig(configPath(nil))
	if err != nil {
		fatalf("%v", err)
	}
	for _, s := range all {
		if s.key == "data-dir" && len(s.values) > 0 {
			dir = s.values[0]
		}
	}
	return dir
}
