package main

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

// JSON that keeps order and duplicates.
type member struct {
	key string
	val any
}
type object []member
type array []any
type raw string

type gen struct{ *rand.Rand }

func pick[T any](g *gen, l ...T) T           { return l[g.IntN(len(l))] }
func (g *gen) chance(percent int) bool       { return g.IntN(100) < percent }
func (o object) with(k string, v any) object { return append(o, member{k, v}) }

var (
	// Not in it: an absolute path, which mutation would make a dataDir that all share; and 0.0.0.0/0, at which 1.1.1 counts in one byte and finds no address ("?01").
	subnets = []string{"10.1.0.0/29", "10.1.0.0/29", "10.1.0.0/30", "10.2.0.0/24", "10.1.0.8/29", "10.3.0.0/28", "fd00:1::/125",
		"fd00:1::/125", "fd00:1::/64", "fd00:2::/126", "2001:DB8:0:0::/126", "10.0.0.0/8", "10.1.0.0/24"}
	badSubnets = []string{"::ffff:10.1.0.0/125", "::ffff:10.1.0.0/127", "10.1.0.0/33", "10.1.0/24", "010.1.0.0/24", "10.1.0.1/24", "10.1.0.0",
		"", "zz", "10.1.0.0/024", "10.1.0.0/+24", "fd00:1::1/125", "10.1.0.0/31", "fd00::/127", "fd00::%1/64",
		"1::2::/64", "fd00:1::/129", "10.1.0.0/", "@D@/24", "10.1.0.0/24/3", "<&>", "\u2028é\x01", "10.1.0.0/0000000000024"}
	addresses = []string{"10.1.0.1", "10.1.0.2", "10.1.0.3", "10.1.0.4", "10.1.0.5", "10.1.0.6", "10.1.0.7", "10.1.0.0", "10.2.0.9",
		"fd00:1::1", "fd00:1::2", "FD00:1::0:3", "fd00:1::7", "10.3.0.14"}
	badAddresses = []string{"", "foo", "10.1.0.300", "1.2.3", "::ffff:10.1.0.3", "10.1.0.04", "fe80::1%eth0", "10.1.0.2 ", "1:2:3:4:5:6:7::",
		"::1.2.3.4", "10.1.0.2/24", "10.1.0.3/29", "10.1.0.3/99", "0:0:0:1::"}
	versions    = []string{"0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.0.0", "1.0.0", "1.1.0"}
	oddVersions = []string{"", "9.9.9", "1.0", "2.0.0", "a.b", "1.2.3.4", "-1.0.0", "0.4", "1.x.0", "1", "0.3.2", "1.0.0 "}
	ids         = []string{"c1", "c1", "c2", "c3", "c4", "c5", "A0_.-z", "10.1.0.2"}
	oddIDs      = []string{"", "-bad", "a b", "x/y", "é", ".a", strings.Repeat("a", 300)}
	ifnames     = []string{"eth0", "eth0", "eth0", "eth1", "é"}
	oddIfs      = []string{"", "abcdefghijklmnop", "abcdefghijklmno", "a:b", "a b", "..", ".", "a/b", "a\u00a0b", "a\u2003b"}
	cniArgs     = []string{"", "", "", "IgnoreUnknown=1;K8S_POD_NAMESPACE=a;K8S_POD_NAME=b", "IP=10.1.0.3", "IP=10.1.0.4/29", "IP=fd00:1::4",
		"IgnoreUnknown=true;IP=10.1.0.5", "IP="}
	oddArgs = []string{"IP", "IP=foo", ";", "a=b", "a=b;c=d\"", "IgnoreUnknown=yes", "IgnoreUnknown=FALSE;a=b", "CommonArgs=1", "ip=10.1.0.2",
		"IP=10.1.0.2;IP=10.1.0.3", "IgnoreUnknown=0;x=y", "a==b", "=", "IP=10.1.0.3;", "é=\x01"}
	names    = []string{"n", "n", "n", "net-1"}
	oddNames = []string{"", "-n", "a/b", "é", "..", "n n", "a.b_c"}
	keys     = []string{"cniVersion", "name", "ipam", "type", "subnet", "rangeStart", "rangeEnd", "gateway", "ranges", "routes", "dst", "gw",
		"mtu", "advmss", "priority", "table", "scope", "resolvConf", "dataDir", "runtimeConfig", "ips", "ipRanges", "args", "cni", "Name"}
)

func (g *gen) address() string {
	if g.chance(8) {
		return pick(g, badAddresses...)
	}
	return pick(g, addresses...)
}

func (g *gen) pool() object {
	net := pick(g, subnets...)
	if g.chance(4) {
		net = pick(g, badSubnets...)
	}
	o := object{{"subnet", net}}
	if g.chance(12) {
		o = o.with("rangeStart", g.address())
	}
	if g.chance(12) {
		o = o.with("rangeEnd", g.address())
	}
	if g.chance(15) {
		o = o.with("gateway", g.address())
	}
	return o
}

func (g *gen) sets(most int) array {
	sets := array{}
	for range 1 + g.IntN(most) {
		set := array{}
		n := 1
		if g.chance(25) {
			n = g.IntN(4)
		}
		for range n {
			set = append(set, g.pool())
		}
		sets = append(sets, set)
	}
	return sets
}

func (g *gen) route() any {
	o := object{}
	if g.chance(95) {
		o = o.with("dst", pick(g, "0.0.0.0/0", "::/0", "10.9.0.0/16", "10.9.1.2/16", "fd00::/8", "::ffff:1.2.3.4/100", "x"))
	}
	if g.chance(50) {
		o = o.with("gw", g.address())
	}
	for _, k := range []string{"mtu", "advmss", "priority", "table", "scope"} {
		if g.chance(12) {
			o = o.with(k, pick[any](g, 1400, 0, -5, 255, raw("1.5"), "7", nil, raw("1e3")))
		}
	}
	return o
}

// One valid-looking configuration; what goes wrong with it comes later.
func (g *gen) config() object {
	o := object{{"cniVersion", pick(g, versions...)}, {"name", pick(g, names...)}}
	ipam := object{{"type", "host-local"}}
	if g.chance(55) {
		ipam = append(ipam, g.pool()...)
	}
	if len(ipam) == 1 || g.chance(15) {
		ipam = ipam.with("ranges", g.sets(3))
	}
	if g.chance(35) {
		routes := array{}
		for range g.IntN(4) {
			routes = append(routes, g.route())
		}
		ipam = ipam.with("routes", routes)
	}
	if g.chance(12) {
		ipam = ipam.with("resolvConf", pick(g, "@T@/resolv", "@T@/resolv", "/nonexistent/resolv", ""))
	}
	ipam = ipam.with("dataDir", pick(g, "@D@", "@D@", "@D@", "@D@", "@D@/a//b/../b/", "@D@/file"))
	o = o.with("ipam", ipam)
	if g.chance(10) {
		o = o.with("runtimeConfig", object{{pick(g, "ips", "ipRanges"), nil}})
		rc := o[len(o)-1].val.(object)
		if rc[0].key == "ips" {
			rc[0].val = array{g.address()}
		} else {
			rc[0].val = g.sets(2)
		}
	}
	if g.chance(6) {
		o = o.with("args", object{{"cni", object{{"ips", array{g.address()}}}}})
	}
	if g.chance(5) {
		o = o.with("prevResult", pick[any](g, 5, nil, object{{"ips", array{}}}, "x"))
	}
	g.Shuffle(len(o), func(i, j int) { o[i], o[j] = o[j], o[i] })
	return o
}

func (g *gen) junk() any {
	return pick[any](g, nil, true, false, 5, -1, raw("1.5e300"), raw("12345678901234567890"), "x", "", array{}, array{1}, object{},
		object{{"a", array{nil}}}, array{array{}}, array{nil}, array{object{}}, g.address(), array{g.address()},
		object{{"cni", 5}}, g.route(), g.pool(), array{g.route()}, g.sets(2))
}

// mutate changes something somewhere below v.
func (g *gen) mutate(v any) any {
	switch v := v.(type) {
	case object:
		if len(v) == 0 || g.chance(15) {
			return append(append(object{}, v...), member{pick(g, keys...), g.junk()})
		}
		c := append(object{}, v...)
		i := g.IntN(len(c))
		switch g.IntN(8) {
		case 0:
			c[i].val = g.junk()
		case 1:
			c = append(c[:i], c[i+1:]...)
		case 2:
			c = append(c, member{c[i].key, g.junk()})
		case 3:
			c[i].key = pick(g, strings.ToUpper(c[i].key), strings.ToLower(c[i].key), strings.Replace(c[i].key, "s", "\u017f", 1),
				strings.Replace(c[i].key, "k", "\u212a", 1), "_"+c[i].key)
		default:
			c[i].val = g.mutate(c[i].val)
		}
		return c
	case array:
		if len(v) == 0 || g.chance(20) {
			return append(append(array{}, v...), g.junk())
		}
		c := append(array{}, v...)
		i := g.IntN(len(c))
		c[i] = g.mutate(c[i])
		return c
	case string:
		if g.chance(30) {
			return pick(g, append(append(append([]string{}, oddVersions...), badSubnets...), oddNames...)...)
		}
	}
	return g.junk()
}

func (g *gen) space() string {
	if g.chance(90) {
		return ""
	}
	return pick(g, " ", "\n", "\t", "\r\n  ")
}

func (g *gen) text(b *strings.Builder, v any) {
	b.WriteString(g.space())
	switch v := v.(type) {
	case nil:
		b.WriteString("null")
	case raw:
		b.WriteString(string(v))
	case string:
		g.quote(b, v)
	case object:
		b.WriteByte('{')
		for i, m := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(g.space())
			g.quote(b, m.key)
			b.WriteString(g.space() + ":")
			g.text(b, m.val)
		}
		b.WriteString(g.space() + "}")
	case array:
		b.WriteByte('[')
		for i, e := range v {
			if i > 0 {
				b.WriteByte(',')
			}
			g.text(b, e)
		}
		b.WriteString(g.space() + "]")
	default:
		fmt.Fprint(b, v)
	}
	b.WriteString(g.space())
}

func (g *gen) quote(b *strings.Builder, s string) {
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\' || r < 0x20 || g.IntN(300) == 0 && r < 0x10000 && r != '@':
			fmt.Fprintf(b, "\\u%04x", r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
}

// corrupt damages a text.
func (g *gen) corrupt(s string) string {
	if s == "" {
		return s
	}
	i := g.IntN(len(s))
	switch g.IntN(5) {
	case 0:
		return s[:i]
	case 1:
		return s[:i] + pick(g, "{", "}", "]", "[", ",", ":", "\"", "\\", "\x00", "\xff", "x", "0", "-", ".", "\\u12", "\\ud800") + s[i:]
	case 2:
		return s + pick(g, " x", "{}", "\x00", "]", "\n\n")
	case 3:
		return "\ufeff" + s
	}
	return s[:i] + s[i+1:]
}

func (g *gen) store() map[string]string {
	pre := map[string]string{"@T@/resolv": pick(g, "nameserver 1.1.1.1\n# c\nsearch a b\n", "options ndots:5\n domain x \r\nnameserver\n",
		"", ";\nsearch\tq\n\nnameserver 8.8.8.8 9.9.9.9")}
	if g.chance(60) {
		return pre
	}
	for range 1 + g.IntN(5) {
		name := pick(g, "10.1.0.2", "10.1.0.3", "10.1.0.4", "10.1.0.5", "fd00:1::2", "10.2.0.7", "last_reserved_ip.0", "last_reserved_ip.1",
			"sub/10.1.0.6", "sub/x", "junk", "a.b/10.1.0.2", "10.1.0.06", "FD00:1::3")
		id := pick(g, ids...)
		pre["@D@/n/"+name] = pick(g, id+"\r\neth0", id+"\r\neth0", id+"\r\neth1", id, id+"\neth0", " "+id+"\r\neth0\n", "x",
			"\u00a0"+id+"\u2003", "10.1.0.4", "10.1.0.6", "fd00:1::6", id+"\r\neth0\r\n")
	}
	if g.chance(5) {
		pre["@D@/n/10.1.0.2"] = ""
	}
	if g.chance(3) {
		pre["@D@/file"] = "x"
	}
	return pre
}

func (g *gen) step(base object) step {
	env := map[string]string{"CNI_COMMAND": pick(g, "ADD", "ADD", "ADD", "ADD", "ADD", "DEL", "DEL", "CHECK"), "CNI_CONTAINERID": pick(g, ids...),
		"CNI_IFNAME": pick(g, ifnames...), "CNI_NETNS": "/nonexistent", "CNI_PATH": "/usr/lib/cni"}
	if a := pick(g, cniArgs...); a != "" {
		env["CNI_ARGS"] = a
	}
	if g.chance(6) {
		env["CNI_COMMAND"] = pick(g, "VERSION", "BOGUS", "add", "", "GC", "STATUS", "CHECK")
	}
	if g.chance(5) {
		odd := map[string][]string{"CNI_CONTAINERID": oddIDs, "CNI_IFNAME": oddIfs, "CNI_ARGS": oddArgs}
		k := pick(g, "CNI_CONTAINERID", "CNI_IFNAME", "CNI_ARGS", "CNI_ARGS")
		env[k] = pick(g, odd[k]...)
	}
	if g.chance(4) {
		delete(env, pick(g, "CNI_COMMAND", "CNI_CONTAINERID", "CNI_IFNAME", "CNI_NETNS", "CNI_PATH"))
	}
	if g.chance(3) {
		env["CNI_NETNS"] = "/proc/self/ns/net"
	}
	var conf any = base
	if g.chance(8) {
		conf = append(append(object{}, base...), member{"cniVersion", pick(g, append(oddVersions, versions...)...)})
	}
	for g.chance(22) {
		conf = g.mutate(conf)
	}
	b := &strings.Builder{}
	g.text(b, conf)
	text := b.String()
	if g.chance(4) {
		text = g.corrupt(text)
	}
	return step{Env: env, Stdin: text}
}

func generate(seed uint64) *scenario {
	g := &gen{rand.New(rand.NewPCG(seed, 0))}
	s := &scenario{Name: fmt.Sprint(seed), Plugin: "host-local", Pre: g.store()}
	base := g.config()
	for range 1 + g.IntN(8) {
		s.Steps = append(s.Steps, g.step(base))
	}
	return s
}
