#!/bin/sh
# sbom.sh K3SBOX: prints what the binary is made of, in the form of SPDX 2.3: k3sbox itself and the
# libraries that are linked into it, with the versions of the packages that they were taken from.
set -eu
version=$("$1" version | sed 's/^k3sbox //; 1q')
sum=$(sha256sum <"$1" | cut -d ' ' -f 1)
packaged() { dpkg-query -W -f '${Version}' "$1" 2>/dev/null || echo NOASSERTION; }
package() { # ID NAME VERSION LICENCE HOMEPAGE
	printf '    {"SPDXID": "SPDXRef-%s", "name": "%s", "versionInfo": "%s", "licenseDeclared": "%s",\n     "downloadLocation": "%s", "filesAnalyzed": false' "$@"
}
cat <<S
{"spdxVersion": "SPDX-2.3", "dataLicense": "CC0-1.0", "SPDXID": "SPDXRef-DOCUMENT",
 "name": "k3sbox-$version", "documentNamespace": "https://spdx.org/spdxdocs/k3sbox-$version-$sum",
 "creationInfo": {"created": "$(date -u -d "@${SOURCE_DATE_EPOCH:-0}" +%Y-%m-%dT%H:%M:%SZ)", "creators": ["Tool: k3sbox-dist"]},
 "packages": [
$(package k3sbox k3sbox "$version" "$(sed -n '1s/ License.*//p' "$(dirname "$0")/../LICENSE" | tr ' ' '-')" NOASSERTION),
     "checksums": [{"algorithm": "SHA256", "checksumValue": "$sum"}]},
$(package bearssl BearSSL "$(packaged libbearssl-dev)" MIT https://bearssl.org)},
$(package musl musl "$(packaged musl-dev)" MIT https://musl.libc.org)},
$(package libgcc libgcc "$(packaged libgcc-12-dev)" GPL-3.0-or-later-WITH-GCC-exception-3.1 https://gcc.gnu.org)}],
 "relationships": [
    {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-k3sbox"},
    {"spdxElementId": "SPDXRef-k3sbox", "relationshipType": "STATIC_LINK", "relatedSpdxElement": "SPDXRef-bearssl"},
    {"spdxElementId": "SPDXRef-k3sbox", "relationshipType": "STATIC_LINK", "relatedSpdxElement": "SPDXRef-musl"},
    {"spdxElementId": "SPDXRef-k3sbox", "relationshipType": "STATIC_LINK", "relatedSpdxElement": "SPDXRef-libgcc"}]}
S
