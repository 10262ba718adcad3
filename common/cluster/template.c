/* Writes a containerd template for old versions of k3s, and recognizes its own. */
#include "cluster/template.h"

#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/io.h"

/* Fields that k3s gives to templates in every version from 1.21 to 1.29 (ContainerdConfig in
 * pkg/agent/templates, Node in pkg/daemons/config/types.go); a field that a version lacks would
 * end k3s, so nothing newer is used. Plugin and key names are containerd's configuration version
 * 2 (1.4 to 1.7). */
static const char mark[] = "# written by k3sbox run";

static const char head[] =
	"version = 2\n"
	"root = \"{{ .NodeConfig.Containerd.Root }}\"\n"
	"state = \"{{ .NodeConfig.Containerd.State }}\"\n"
	"\n"
	"[grpc]\n"
	"  address = \"{{ .NodeConfig.Containerd.Address }}\"\n"
	"\n"
	"[plugins.\"io.containerd.internal.v1.opt\"]\n"
	"  path = \"{{ .NodeConfig.Containerd.Opt }}\"\n"
	"\n"
	"[@]\n"
	"  stream_server_address = \"127.0.0.1\"\n"
	"  stream_server_port = \"10010\"\n"
	"  enable_selinux = {{ .NodeConfig.SELinux }}\n"
	"{{- if .IsRunningInUserNS }}\n"
	"  disable_cgroup = {{ .DisableCgroup }}\n"
	"  disable_apparmor = true\n"
	"  restrict_oom_score_adj = true\n"
	"{{- end }}\n"
	"{{- if ~PauseImage }}\n"
	"  sandbox_image = \"{{ ~PauseImage }}\"\n"
	"{{- end }}\n"
	"\n"
	"[@.containerd]\n"
	"{{- if ~Snapshotter }}\n"
	"  snapshotter = \"{{ ~Snapshotter }}\"\n"
	"  disable_snapshot_annotations = true\n"
	"{{- end }}\n"
	"\n"
	"{{ if ~CNIBinDir }}\n"
	"[@.cni]\n"
	"  bin_dir = \"{{ ~CNIBinDir }}\"\n"
	"  conf_dir = \"{{ ~CNIConfDir }}\"\n"
	"{{ end }}\n"
	"\n"
	"[@.containerd.runtimes.runc]\n"
	"  runtime_type = \"io.containerd.runc.v2\"\n"
	"[@.containerd.runtimes.runc.options]\n"
	"  BinaryName = ";

static const char registries[] =
	"\n"
	"{{ if .PrivateRegistryConfig }}\n"
	"{{ range $k, $v := .PrivateRegistryConfig.Mirrors }}\n"
	"[@.registry.mirrors.\"{{ $k }}\"]\n"
	"  endpoint = [{{ range $i, $j := $v.Endpoints }}{{ if $i }}, {{ end }}{{ printf \"%q\" . "
		"}}{{ end }}]\n"
	"{{ if $v.Rewrites }}\n"
	"[@.registry.mirrors.\"{{ $k }}\".rewrite]\n"
	"{{ range $pattern, $replace := $v.Rewrites }}\n"
	"    \"{{ $pattern }}\" = \"{{ $replace }}\"\n"
	"{{ end }}{{ end }}{{ end }}\n"
	"{{ range $k, $v := .PrivateRegistryConfig.Configs }}\n"
	"{{ if $v.Auth }}\n"
	"[@.registry.configs.\"{{ $k }}\".auth]\n"
	"  {{ if $v.Auth.Username }}username = {{ printf \"%q\" $v.Auth.Username }}{{ end }}\n"
	"  {{ if $v.Auth.Password }}password = {{ printf \"%q\" $v.Auth.Password }}{{ end }}\n"
	"  {{ if $v.Auth.Auth }}auth = {{ printf \"%q\" $v.Auth.Auth }}{{ end }}\n"
	"  {{ if $v.Auth.IdentityToken }}identitytoken = {{ printf \"%q\" $v.Auth.IdentityToken "
		"}}{{ end }}\n"
	"{{ end }}\n"
	"{{ if $v.TLS }}\n"
	"[@.registry.configs.\"{{ $k }}\".tls]\n"
	"  {{ if $v.TLS.CAFile }}ca_file = \"{{ $v.TLS.CAFile }}\"{{ end }}\n"
	"  {{ if $v.TLS.CertFile }}cert_file = \"{{ $v.TLS.CertFile }}\"{{ end }}\n"
	"  {{ if $v.TLS.KeyFile }}key_file = \"{{ $v.TLS.KeyFile }}\"{{ end }}\n"
	"  {{ if $v.TLS.InsecureSkipVerify }}insecure_skip_verify = true{{ end }}\n"
	"{{ end }}{{ end }}{{ end }}\n";

/* Appends one of the texts, with its two abbreviations expanded. */
static void put(struct buf *out, const char *s)
{
	for (; *s; s++) {
		if (*s == '@') buf_puts(out, "plugins.\"io.containerd.grpc.v1.cri\"");
		else if (*s == '~') buf_puts(out, ".NodeConfig.AgentConfig.");
		else buf_putc(out, *s);
	}
}

void template_write(const char *binary, struct buf *out)
{
	buf_printf(out, "%s: k3s's own template with another runc\n", mark);
	put(out, head);
	buf_json(out, binary);
	put(out, registries);
}

bool template_is_ours(const char *text, size_t len)
{
	return len >= sizeof mark - 1 && !memcmp(text, mark, sizeof mark - 1);
}

bool template_file_is_ours(const char *path)
{
	_cleanup_buf_ struct buf b = {0};
	int r = io_read(path, &b, 1 << 20);
	return r == -ENOENT || (!r && template_is_ours(b.data ? b.data : "", b.len));
}
