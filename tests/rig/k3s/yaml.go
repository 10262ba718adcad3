package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
)

// setting is one key of a configuration file; plus marks `key+`, which adds to
// an earlier file's list instead of replacing it.
type setting struct {
	key    string
	plus   bool
	values []string
}

// readYAML understands what k3s's config.yaml is made of: a flat map of scalars
// and lists of scalars. Anything deeper is refused rather than guessed at.
func readYAML(path string) ([]setting, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out []setting
	in := bufio.NewScanner(f)
	for n := 1; in.Scan(); n++ {
		line := strings.TrimRight(stripComment(in.Text()), " \t\r")
		trimmed := strings.TrimLeft(line, " ")
		switch {
		case trimmed == "" || trimmed == "---":
		case trimmed == "-" || strings.HasPrefix(trimmed, "- "):
			if len(out) == 0 {
				return nil, fmt.Errorf("%s:%d: a list without a key", path, n)
			}
			last := &out[len(out)-1]
			last.values = append(last.values, unquote(strings.TrimPrefix(trimmed, "-")))
		case trimmed != line:
			return nil, fmt.Errorf("%s:%d: nested maps are no flags", path, n)
		default:
			s, err := parseSetting(line)
			if err != nil {
				return nil, fmt.Errorf("%s:%d: %w", path, n, err)
			}
			out = append(out, s)
		}
	}
	return out, in.Err()
}

func parseSetting(line string) (setting, error) {
	key, value, ok := strings.Cut(line, ":")
	if !ok {
		return setting{}, fmt.Errorf("no key in %q", line)
	}
	key = unquote(key)
	s := setting{key: strings.TrimSuffix(key, "+"), plus: strings.HasSuffix(key, "+")}
	value = strings.TrimSpace(value)
	switch {
	case value == "":
	case strings.HasPrefix(value, "[") && strings.HasSuffix(value, "]"):
		for _, v := range strings.Split(strings.Trim(value, "[]"), ",") {
			if v = unquote(v); v != "" {
				s.values = append(s.values, v)
			}
		}
	default:
		s.values = []string{unquote(value)}
	}
	return s, nil
}

// stripComment cuts at a # that begins a word outside quotes.
func stripComment(s string) string {
	quote := byte(0)
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == '#' && (i == 0 || s[i-1] == ' ' || s[i-1] == '\t'):
			return s[:i]
		}
	}
	return s
}

func unquote(s string) string {
	s = strings.TrimSpace(s)
	if len(s) >= 2 && (s[0] == '"' || s[0] == '\'') && s[len(s)-1] == s[0] {
		return s[1 : len(s)-1]
	}
	return s
}
