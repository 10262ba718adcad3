package main

import (
	"bufio"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// setting is one key of a configuration file; plus marks `key+`, which adds to
// an earlier value instead of replacing it. A null has one value, which is
// empty; an empty list has none.
type setting struct {
	key        string
	plus, null bool
	values     []string
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
			if last.null {
				last.null, last.values = false, nil
			}
			last.values = append(last.values, scalar(strings.TrimPrefix(trimmed, "-")))
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
	case isNull(value):
		s.null, s.values = true, []string{""}
	case strings.HasPrefix(value, "[") && strings.HasSuffix(value, "]"):
		for _, v := range strings.Split(strings.Trim(value, "[]"), ",") {
			if strings.TrimSpace(v) != "" {
				s.values = append(s.values, scalar(v))
			}
		}
	default:
		s.values = []string{scalar(value)}
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
	if len(s) < 2 || (s[0] != '"' && s[0] != '\'') || s[len(s)-1] != s[0] {
		return s
	}
	if s[0] == '\'' {
		return strings.ReplaceAll(s[1:len(s)-1], "''", "'")
	}
	if text, err := strconv.Unquote(s); err == nil {
		return text
	}
	return s[1 : len(s)-1]
}

func isNull(s string) bool {
	return slices.Contains([]string{"", "~", "null", "Null", "NULL"}, s)
}

var (
	yamlTrue  = strings.Fields("y Y yes Yes YES true True TRUE on On ON")
	yamlFalse = strings.Fields("n N no No NO false False FALSE off Off OFF")
	yamlFloat = regexp.MustCompile(`^[-+]?[0-9]*\.?[0-9]+([eE][-+][0-9]+)?$`)
)

// scalar is what is left of a value that went through YAML's types and back,
// as in k3s: 0644 without quotes is a number and becomes 420, yes becomes true.
func scalar(s string) string {
	s = strings.TrimSpace(s)
	plain := strings.ReplaceAll(s, "_", "")
	switch {
	case isNull(s):
		return ""
	case s[0] == '"' || s[0] == '\'':
		return strings.TrimSpace(unquote(s))
	case slices.Contains(yamlTrue, s):
		return "true"
	case slices.Contains(yamlFalse, s):
		return "false"
	}
	if n, err := strconv.ParseInt(plain, 0, 64); err == nil {
		return fmt.Sprint(n)
	}
	if yamlFloat.MatchString(plain) {
		if f, err := strconv.ParseFloat(plain, 64); err == nil {
			return fmt.Sprint(f)
		}
	}
	return s
}
